"""What comes through a mount, against a constant file that plain fusepy serves."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comparison import Comparison, Side
from tracefs_fuse.cli.mounts import mount_at

_EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"
_OPENS = 300
_EVENTS = 5000
_PATIENCE = 10.0
_TURN = 0.01
_CHUNK = 65536


@contextmanager
def mounted_lab() -> Iterator[Path]:
    """The tracing folder of a lab in which nothing happens by itself."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tracefs_fuse.cli"]
        subprocess.run(
            [*command, "mount", "--workload", "idle", folder], check=True, stdout=subprocess.DEVNULL
        )
        try:
            yield Path(folder) / "sys/kernel/tracing"
        finally:
            subprocess.run([*command, "unmount", folder], check=True)


@contextmanager
def constant_file(content: bytes) -> Iterator[Path]:
    """A file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.constant", folder], stdin=subprocess.PIPE
        )
        assert server.stdin is not None
        server.stdin.write(content)
        server.stdin.close()
        limit = time.monotonic() + _PATIENCE
        while (mount := mount_at(Path(folder))) is None and time.monotonic() < limit:
            time.sleep(_TURN)
        assert mount is not None, "the constant file was not mounted"
        try:
            yield Path(folder) / "constant"
        finally:
            mount.detach()
            server.wait()


def _text_of(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return b"".join(iter(lambda: file.read(_CHUNK), b""))


def _opens(path: Path) -> Side:
    """Open, read to the end and close, from the file's own folder."""

    def side() -> float:
        folder = os.open(path.parent, os.O_PATH)
        begin = time.perf_counter()
        for _ in range(_OPENS):
            file = os.open(path.name, os.O_RDONLY, dir_fd=folder)
            while os.read(file, _CHUNK):
                pass
            os.close(file)
        spent = time.perf_counter() - begin
        os.close(folder)
        return spent / _OPENS

    return side


@contextmanager
def small_histogram() -> Iterator[tuple[Side, Side]]:
    with mounted_lab() as tracing:
        event = tracing / _EVENT
        (event / "trigger").write_text("hist:keys=status")
        for status in range(10):
            (event / "inject").write_text(f"status={status}")
        with constant_file(_text_of(event / "hist")) as constant:
            yield _opens(event / "hist"), _opens(constant)


def _fill(tracing: Path) -> None:
    with (tracing / _EVENT / "inject").open("wb", buffering=0) as inject:
        for number in range(_EVENTS):
            inject.write(b"status=%d pfn=%d" % (number % 9, number))


@contextmanager
def pipe() -> Iterator[tuple[Side, Side]]:
    """Seconds an event."""
    with mounted_lab() as tracing:
        (tracing / "buffer_size_kb").write_text("4096")
        file = os.open(tracing / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)

        def drain() -> bytes:
            pieces = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    pieces.append(os.read(file, _CHUNK))
            return b"".join(pieces)

        def piped() -> float:
            _fill(tracing)
            begin = time.perf_counter()
            assert drain().count(b"\n") == _EVENTS
            return (time.perf_counter() - begin) / _EVENTS

        _fill(tracing)
        with constant_file(drain()) as constant:

            def read() -> float:
                begin = time.perf_counter()
                _text_of(constant)
                return (time.perf_counter() - begin) / _EVENTS

            yield piped, read
        os.close(file)


COMPARISONS = (
    Comparison("open, read, close of hist", "a constant fusepy file", 1.3, small_histogram),
    Comparison("an event read from trace_pipe", "as many bytes of such a file", 3, pipe),
)
