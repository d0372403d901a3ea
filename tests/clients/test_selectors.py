"""Python's selectors on the pipes of an instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import LabShell, needs
from tracefs_fuse.tracing.versions import VERSIONS

SCRIPT = """
import os, selectors, subprocess, time
os.chdir("/sys/kernel/tracing")
open("buffer_percent", "w").write("0")
for name in ("trace_pipe", "per_cpu/cpu0/trace_pipe_raw"):
    pipe = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
        with kind() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            before = bool(selector.select(0.05))
            marking = subprocess.Popen(["sh", "-c", "sleep 0.2; echo woken > trace_marker"])
            start = time.monotonic()
            after = bool(selector.select(10))
            waited = time.monotonic() - start
            marking.wait()
        found = b"woken" in os.read(pipe, 4096)
        print(name, kind.__name__, before, after, found, "early" if waited < 0.19 else "")
    os.close(pipe)
"""
KINDS = ("SelectSelector", "PollSelector", "EpollSelector")


@needs("python3")
@pytest.mark.parametrize("kernel", VERSIONS)
def test_a_marker_wakes(kernel: str, lab_shell: LabShell, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert lab_shell("python3", script, kernel=kernel).splitlines() == [
        f"{name} {kind} False True True "
        for name in ("trace_pipe", "per_cpu/cpu0/trace_pipe_raw")
        for kind in KINDS
    ]
