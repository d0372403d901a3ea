"""A small tree of pseudo-files on a real mount."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import IN_TERMINAL, ROOT
from tracefs_fuse.cli.mounts import mount_at


class Sample:
    """The tree of serve_sample.py, served by a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.server = subprocess.Popen(
            [*IN_TERMINAL, sys.executable, "-m", "tests.fuse.serve_sample", folder],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.told() == "ready"

    def told(self) -> str:
        """The next line that the server prints."""
        assert self.server.stdout is not None
        return self.server.stdout.readline().rstrip("\n")

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Have the server end; returns its exit status and errors."""
        self.server.send_signal(how)
        _, errors = self.server.communicate(timeout=20)
        return self.server.returncode, errors

    def feed(self, size: int) -> None:
        """Let the queue have so many bytes more."""
        (self.files / "feed").write_text(str(size))


@pytest.fixture
def sample(machine_can_mount: None, tmp_path: Path) -> Iterator[Sample]:
    folder = tmp_path / "sample"
    folder.mkdir()
    served = Sample(folder)
    yield served
    if served.server.poll() is None:
        served.end()
    left = mount_at(folder)
    if left is not None:
        left.detach()


@pytest.fixture
def as_root() -> None:
    if os.getuid():
        pytest.skip("needs root")
