"""Readers that wait, on a real mount: they are woken, and can be ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import MountLab, run_command

EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"


def inject(tracing: Path, pfn: int) -> None:
    (tracing / EVENT / "inject").write_text(f"pfn={pfn}")


def reader(tracing: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["cat", tracing / "trace_pipe"], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    wait_until_reading(process.pid)
    return process


def wait_until_reading(pid: int) -> None:
    """Until the process sleeps in the read that the lab serves."""
    while "fuse" not in Path(f"/proc/{pid}/wchan").read_text() + stack_of(pid):
        time.sleep(0.01)


def stack_of(pid: int) -> str:
    """Its kernel stack where that may be read, else nothing."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().replace("0 0x3 ", "fuse ", 1)
    except OSError:
        return "fuse"


def test_event_wakes_the_reader(tracing: Path) -> None:
    process = reader(tracing)
    assert process.stdout is not None
    inject(tracing, 0x123)
    assert "scan_pfn=0x123," in process.stdout.readline()
    process.terminate()
    process.wait(timeout=5)


def test_interrupted_reader_takes_nothing_with_it(tracing: Path) -> None:
    process = reader(tracing)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) == -signal.SIGINT
    inject(tracing, 0x456)
    with (tracing / "trace_pipe").open() as pipe:
        assert "scan_pfn=0x456," in pipe.readline()


def test_timeout_ends_a_reader(tracing: Path) -> None:
    done = subprocess.run(
        ["timeout", "0.3", "cat", tracing / "trace_pipe"],
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout) == (124, b"")


def test_second_reader_is_refused(tracing: Path) -> None:
    with (
        (tracing / "trace_pipe").open("rb"),
        pytest.raises(OSError, match="busy"),
        (tracing / "per_cpu/cpu0/trace_pipe").open("rb"),
    ):
        pass
    (tracing / "trace_pipe").open("rb").close()


def test_poll_hears_of_an_event(tracing: Path) -> None:
    pipe = os.open(tracing / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(BlockingIOError):
            os.read(pipe, 4096)
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        assert poll.poll(0) == []
        threading.Timer(0.1, inject, (tracing, 0x789)).start()
        assert poll.poll(10_000) == [(pipe, select.POLLIN)]
        assert b"scan_pfn=0x789," in os.read(pipe, 4096)
    finally:
        os.close(pipe)


def test_poll_hears_of_hits(mount_lab: MountLab) -> None:
    tracing = mount_lab("--kernel", "7.3", "--workload", "idle") / "sys/kernel/tracing"
    (tracing / EVENT / "trigger").write_text("hist:keys=status")
    inject(tracing, 1)
    hist = os.open(tracing / EVENT / "hist", os.O_RDONLY)
    try:
        poll = select.poll()
        poll.register(hist, select.POLLIN | select.POLLPRI)
        assert poll.poll(0) == [(hist, select.POLLIN)]  # hits, but none since it was opened
        assert b"Hits: 1" in os.read(hist, 4096)
        assert poll.poll(0) == []
        threading.Timer(0.1, inject, (tracing, 2)).start()
        assert poll.poll(10_000) == [(hist, select.POLLIN | select.POLLPRI)]
        assert poll.poll(0) == [(hist, select.POLLIN)]  # urgent only once
        os.lseek(hist, 0, os.SEEK_SET)
        assert b"Hits: 2" in os.read(hist, 4096)
        poll.modify(hist, select.POLLPRI)
        threading.Timer(0.1, inject, (tracing, 3)).start()
        assert poll.poll(10_000) == [(hist, select.POLLPRI)]
    finally:
        os.close(hist)


def test_unmount_while_a_reader_waits(mount_lab: MountLab) -> None:
    lab = mount_lab("--workload", "idle")
    process = reader(lab / "sys/kernel/tracing")
    assert run_command("unmount", lab).returncode == 0
    assert process.wait(timeout=5) != 0
    assert not lab.is_mount()
