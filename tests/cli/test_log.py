"""What a lab writes of itself, and where."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import MountLab, run_command

IDLE = ("--workload", "idle", "--cpus", "1")
TRACING = "sys/kernel/tracing"


def test_each_request(mount_lab: MountLab, tmp_path: Path) -> None:
    log = tmp_path / "a log"
    lab = mount_lab(*IDLE, "--verbose", "--log", str(log))
    with pytest.raises(OSError, match="Invalid argument"):
        (lab / TRACING / "trace_clock").write_text("nosuch")
    assert (lab / "proc/sys/kernel/ftrace_enabled").read_text() == "1\n"
    lines = log.read_text().splitlines()
    me = rf"by \S+\[{os.getpid()}\]"
    for line in (
        rf"write /{TRACING}/trace_clock b'nosuch' 0 flags=0o\d+ {me}: EINVAL, [0-9.]+ ms",
        rf"read /proc/sys/kernel/ftrace_enabled \d+ 0 flags=0o\d+ {me}: 2 bytes, [0-9.]+ ms",
    ):
        stamped = re.compile(rf"[0-9-]+ [0-9:,]+ \[\d+\] {line}")
        assert any(stamped.fullmatch(one) for one in lines)


def test_nothing_is_logged_unasked(mount_lab: MountLab, tmp_path: Path) -> None:
    lab = mount_lab(*IDLE)
    with pytest.raises(OSError, match="Invalid argument"):
        (lab / TRACING / "trace_clock").write_text("nosuch")
    assert (tmp_path / "state/tracefs-fuse/log").read_text() == ""


def test_lab_outlives_a_full_disk(mount_lab: MountLab) -> None:
    lab = mount_lab(*IDLE, "--verbose", "--log", "/dev/full")
    assert (lab / TRACING / "current_tracer").read_text() == "nop\n"


@pytest.mark.usefixtures("machine_can_mount")
@pytest.mark.parametrize("command", ["mount", "shell"])
def test_log_that_cannot_be_written(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    last = folder if command == "mount" else "true"
    said = run_command(command, *IDLE, "--log", tmp_path, last)
    assert (said.returncode, said.stdout) == (1, "")
    fault = f"the log {tmp_path} can't be written (Is a directory); choose another: --log FILE"
    assert said.stderr == f"tracefs-fuse: {fault}\n"
