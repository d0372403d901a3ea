"""Requests that wait, and the end of a mount."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuse.conftest import Sample
from tracefs_fuse.cli.mounts import mount_at

GONE = (errno.ENODEV, errno.ECONNABORTED, errno.ENOTCONN)
"""What requests to a lab that has ended may meet."""


def start_reader(path: Path) -> subprocess.Popen[str]:
    """A process that prints what one read gives, once it waits there."""
    script = (
        "import os, sys\n"
        "file = os.open(sys.argv[1], os.O_RDONLY)\n"
        "print('open', flush=True)\n"
        "try: print(len(os.read(file, 100)))\n"
        "except OSError as error: print(error.errno)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.01)
    return process


def answer(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=20)[0].strip()


def test_reader_waits_for_data(sample: Sample) -> None:
    readers = [start_reader(sample.files / "queue") for _ in range(20)]
    assert (sample.files / "word").read_text() == "first\n"
    for _ in readers:
        sample.feed(100)
    assert [answer(reader) for reader in readers] == ["100"] * 20


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_reader_takes_nothing_with_it(sample: Sample, how: signal.Signals) -> None:
    reader = start_reader(sample.files / "queue")
    reader.send_signal(how)
    assert answer(reader) == ""
    sample.feed(7)
    with (sample.files / "queue").open("rb", buffering=0) as queue:
        assert queue.read(100) == b"x" * 7


def test_nonblocking(sample: Sample) -> None:
    queue = os.open(sample.files / "queue", os.O_RDONLY)
    fcntl.fcntl(queue, fcntl.F_SETFL, os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(queue, 100)
    sample.feed(3)
    assert os.read(queue, 100) == b"xxx"
    with pytest.raises(OSError, match="Illegal seek"):
        os.lseek(queue, 0, os.SEEK_SET)
    os.close(queue)


def by_poll(file: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def by_select(file: int, seconds: float) -> bool:
    return bool(select.select([file], [], [], seconds)[0])


def by_epoll(file: int, seconds: float) -> bool:
    with select.epoll() as epoll:
        epoll.register(file, select.EPOLLIN)
        return bool(epoll.poll(seconds))


@pytest.mark.parametrize("wait", [by_poll, by_select, by_epoll])
def test_poll(sample: Sample, wait: Callable[[int, float], bool]) -> None:
    queue = os.open(sample.files / "queue", os.O_RDONLY | os.O_NONBLOCK)
    for _ in range(2):
        assert not wait(queue, 0)
        assert not wait(queue, 0.1)
        threading.Timer(0.2, sample.feed, [10]).start()
        assert wait(queue, 20)
        assert os.read(queue, 100) == b"x" * 10
    word = os.open(sample.files / "word", os.O_RDWR)
    assert wait(word, 0)
    os.close(word)
    os.close(queue)


def test_splice(sample: Sample) -> None:
    queue = os.open(sample.files / "queue", os.O_RDONLY | os.O_NONBLOCK)
    outlet, inlet = os.pipe()
    with pytest.raises(BlockingIOError):
        os.splice(queue, inlet, 4096)
    sample.feed(3 * 4096)
    for _ in range(3):
        assert os.splice(queue, inlet, 4096) == 4096
        assert os.read(outlet, 8192) == b"x" * 4096
    with pytest.raises(BlockingIOError):
        os.splice(queue, inlet, 4096)
    for file in (queue, outlet, inlet):
        os.close(file)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_ends_the_mount(sample: Sample, how: signal.Signals) -> None:
    reader = start_reader(sample.files / "queue")
    word = os.open(sample.files / "word", os.O_RDONLY)
    assert sample.end(how) == (0, "")
    assert mount_at(sample.folder) is None
    with pytest.raises(OSError, match=r".*") as caught:
        os.read(word, 100)
    assert caught.value.errno in GONE
    with contextlib.suppress(OSError):
        os.close(word)
    assert int(answer(reader)) in GONE


def test_unmounting_ends_the_server(sample: Sample) -> None:
    mount = mount_at(sample.folder)
    assert mount is not None
    mount.detach()
    _, errors = sample.server.communicate(timeout=20)
    assert (sample.server.returncode, errors) == (0, "")
