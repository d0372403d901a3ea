"""A lab on a real mount, for tests that go end to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracefs_fuse.cli.problems import Problem, check_machine

ROOT = Path(__file__).parents[1]
IN_TERMINAL = ["env", "--default-signal=HUP,INT,QUIT"]
"""Runs a command that takes these signals, whatever started the tests ignores."""

TRACEFS_FUSE = [*IN_TERMINAL, sys.executable, "-m", "tracefs_fuse.cli"]

MountLab = Callable[..., Path]
"""Mounts a lab with command-line options; returns the folder."""


def run_command(
    *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``tracefs-fuse`` with arguments; it hears no signal that is for the caller's terminal."""
    return subprocess.run(
        [*TRACEFS_FUSE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )


@pytest.fixture
def machine_can_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips the test where FUSE can't be used; logs of labs go to the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    try:
        check_machine()
    except Problem as problem:
        pytest.skip(str(problem))


@pytest.fixture
def mount_lab(machine_can_mount: None, tmp_path: Path) -> Iterator[MountLab]:
    """Mount labs that end with the test."""
    folders: list[Path] = []

    def mount(*options: str) -> Path:
        folder = tmp_path / f"lab{len(folders)}"
        mounted = run_command("mount", *options, folder)
        assert mounted.returncode == 0, mounted.stderr
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        run_command("unmount", folder)


@pytest.fixture
def tracing(mount_lab: MountLab) -> Path:
    """The tracing folder of a lab in which nothing happens by itself."""
    return mount_lab("--workload", "idle", "--cpus", "1") / "sys/kernel/tracing"
