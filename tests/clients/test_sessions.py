"""Sessions with unmodified clients, held to what they printed on Debian's kernels.

A session is a list of shell commands, ``sessions/NAME.sh``; beside it lies what the programs of
Debian 12 printed on each kernel, which had two CPUs.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import PATH, LabShell, needs
from tests.clients.recorded import SESSIONS, compare, recorded
from tracefs_fuse.tracing.versions import VERSIONS

HERE = Path(__file__).parent
TRACE_CMD = "trace-cmd version 3.1.6"


def trace_cmd_version() -> str:
    said = subprocess.run(
        ["trace-cmd", "--version"], capture_output=True, text=True, check=False, env={"PATH": PATH}
    )
    return said.stdout + said.stderr


def play(session: str, kernel: str, lab_shell: LabShell, folder: Path) -> None:
    commands = SESSIONS / f"{session}.sh"
    said = lab_shell("bash", HERE / "play.sh", commands, folder, kernel=kernel, cpus=2)
    compare(recorded(session, kernel), said.replace(str(folder), "/tmp/w"))


@needs("trace-cmd")
@pytest.mark.parametrize("kernel", VERSIONS)
def test_trace_cmd(kernel: str, lab_shell: LabShell, tmp_path: Path) -> None:
    if TRACE_CMD not in trace_cmd_version():
        pytest.skip(f"recorded with {TRACE_CMD}")
    play("trace-cmd", kernel, lab_shell, tmp_path)


@needs("busybox", "dash", "ed", "less", "python3", "vim.tiny", "xxd")
@pytest.mark.parametrize("kernel", ["6.1", "7.3"])
def test_files(kernel: str, lab_shell: LabShell, tmp_path: Path) -> None:
    """Shells, editors, pagers and the tools that copy, cut and find."""
    play("files", kernel, lab_shell, tmp_path)
