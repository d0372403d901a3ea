"""Several readers and writers at once, on a real mount: nothing is lost, torn or doubled."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import MountLab

EVENTS = 400
WRITER = """
import os, sys
cpu, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.sched_setaffinity(0, {cpu})
file = os.open(path, os.O_WRONLY)
for number in range(count):
    os.write(file, b"writer%d-%d." % (cpu, number))
"""


@pytest.fixture
def cpus() -> list[int]:
    """Two CPUs of this machine, or one."""
    return sorted(os.sched_getaffinity(0))[:2]


@pytest.fixture
def tracing(mount_lab: MountLab, cpus: list[int]) -> Path:
    """Of a lab whose buffers take all events, however slow a reader is."""
    lab = mount_lab("--workload", "idle", "--cpus", str(max(cpus) + 1))
    (lab / "sys/kernel/tracing/buffer_size_kb").write_text("64")
    return lab / "sys/kernel/tracing"


@contextmanager
def writers(tracing: Path, cpus: list[int]) -> Iterator[None]:
    """Numbered markers from each CPU, while the block runs and until all are written."""
    command = [sys.executable, "-c", WRITER]
    marker = str(tracing / "trace_marker")
    running = [subprocess.Popen([*command, str(cpu), marker, str(EVENTS)]) for cpu in cpus]
    yield
    assert [process.wait(timeout=60) for process in running] == [0] * len(cpus)


def numbers(text: str, cpu: int) -> list[int]:
    return [int(number) for number in re.findall(rf"writer{cpu}-(\d+)\.", text)]


class Reader(threading.Thread):
    """Reads a file until all markers of these CPUs have been seen."""

    def __init__(self, path: Path, cpus: list[int], size: int) -> None:
        super().__init__()
        self._file = os.open(path, os.O_RDONLY)
        self._cpus = cpus
        self._size = size
        self.data = b""
        self.start()

    def run(self) -> None:
        last = [b"writer%d-%d." % (cpu, EVENTS - 1) for cpu in self._cpus]
        while not all(end in self.data for end in last):
            self.data += os.read(self._file, self._size)
        os.close(self._file)

    def seen(self) -> str:
        self.join(timeout=60)
        return self.data.decode("latin-1")


def test_a_pipe_for_each_cpu(tracing: Path, cpus: list[int]) -> None:
    readers = {
        cpu: Reader(tracing / f"per_cpu/cpu{cpu}/trace_pipe", [cpu], size)
        for cpu, size in zip(cpus, (4096, 100), strict=False)
    }
    with writers(tracing, cpus):
        pass
    for cpu, reader in readers.items():
        assert numbers(reader.seen(), cpu) == list(range(EVENTS))


def test_a_pipe_for_all_beside_an_instance(tracing: Path, cpus: list[int]) -> None:
    instance = tracing / "instances/beside"
    instance.mkdir()
    top = Reader(tracing / "trace_pipe", cpus, 1000)
    beside = Reader(instance / "trace_pipe", cpus[:1], 4096)
    with writers(tracing, cpus), writers(instance, cpus[:1]):
        pass
    for reader, written in ((top, cpus), (beside, cpus[:1])):
        seen = reader.seen()
        assert [numbers(seen, cpu) for cpu in written] == [list(range(EVENTS))] * len(written)


def test_raw_pages_while_they_are_written(tracing: Path, cpus: list[int]) -> None:
    readers = {
        cpu: Reader(tracing / f"per_cpu/cpu{cpu}/trace_pipe_raw", [cpu], 4096) for cpu in cpus
    }
    with writers(tracing, cpus):
        pass
    for cpu, reader in readers.items():
        assert numbers(reader.seen(), cpu) == list(range(EVENTS))
        for page in range(0, len(reader.data), 4096):
            _, commit = struct.unpack_from("<QQ", reader.data, page)
            assert 0 < commit <= 4080


def test_trace_in_pieces_while_it_is_written(tracing: Path, cpus: list[int]) -> None:
    (tracing / "buffer_size_kb").write_text("8")
    seen: list[int] = []
    with writers(tracing, cpus):
        while EVENTS - 1 not in seen:
            text = in_pieces(tracing / "trace")
            lines = [line for line in text.splitlines() if not line.startswith(("#", "CPU:"))]
            assert all(re.search(r" tracing_mark_write: writer\d-\d+\.$", line) for line in lines)
            for cpu in reversed(cpus):
                seen = numbers(text, cpu)
                assert seen == sorted(set(seen))


def in_pieces(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return b"".join(iter(lambda: file.read(70), b"")).decode()


def test_a_file_that_was_closed_holds_no_instance(tracing: Path) -> None:
    """close(2) does not wait for FUSE: what comes after it must find the file closed."""
    instances = os.open(tracing / "instances", os.O_RDONLY)
    done = threading.Event()

    def read_on() -> None:
        while not done.is_set():
            (tracing / "README").read_bytes()

    beside = [threading.Thread(target=read_on) for _ in range(2)]
    for thread in beside:
        thread.start()
    try:
        for _ in range(500):
            os.mkdir("short", dir_fd=instances)
            os.close(os.open("short/trace", os.O_RDONLY, dir_fd=instances))
            os.rmdir("short", dir_fd=instances)
    finally:
        done.set()
        for thread in beside:
            thread.join()
        os.close(instances)
