"""Running clients inside a lab, as ``tracefs-fuse shell`` has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, TRACEFS_FUSE
from tracefs_fuse.cli.problems import Problem, check_machine

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
TRACING = "/sys/kernel/tracing"
EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"

LabShell = Callable[..., str]
"""Runs words in a shell: ``lab_shell(*words, kernel="6.12", workload="idle", cpus=1)``."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips where a program is missing."""
    missing = [program for program in programs if not shutil.which(program, path=PATH)]
    return pytest.mark.skipif(bool(missing), reason=f"missing: {' '.join(missing)}")


@pytest.fixture
def lab_shell(tmp_path: Path) -> LabShell:
    """What a command prints in a lab of its own, both streams together."""
    try:
        check_machine(privately=True)
    except Problem as problem:
        pytest.skip(str(problem))
    environment = {"PATH": PATH, "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C"}

    def run(*words: str | Path, kernel: str = "6.12", workload: str = "idle", cpus: int = 1) -> str:
        options = ["--kernel", kernel, "--workload", workload, "--cpus", str(cpus)]
        shell = [*TRACEFS_FUSE, "shell", *options, "--", *map(str, words)]
        done = subprocess.run(
            shell,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
            cwd=ROOT,
            env={**os.environ, **environment, "XDG_STATE_HOME": str(tmp_path / "state")},
        )
        return done.stdout.decode("latin-1")

    return run
