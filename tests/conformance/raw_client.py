"""Plays recorded requests to files whose readers wait: raw pages, pipes, ``trace`` in pieces.

A case is a list of requests, each with the kernel's answer.  They were made by a program on CPU 0,
and are made again on a real mount:

``open F PATH MODE`` (n: without blocking, w: to read and write, W: to write, t: truncated),
``close F``, ``read F COUNT``, ``rest F`` (read to the end), ``pread F COUNT AT``,
``splice F COUNT FLAGS``, ``poll F MS``, ``lseek F AT``, ``ioctl F COMMAND``, ``wr F`` (write a
byte), ``write PATH TEXT``, ``trunc PATH TEXT``, ``cat PATH``, ``mkdir PATH``, ``rmdir PATH``,
``marker SIZE COUNT`` (text into trace_marker), ``gap SIZE COUNT`` (the same, with pauses of
150 ms), ``later MS REQUEST``.
What would wait for ever gets a signal, and answers EINTR.

Answers are told so that they are the same in any two boots: pages as the kinds of their events,
with time deltas only when the clock is a counter; text without times and tasks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import select
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance.replay import normal

PAGE = 4096
_LONG, _SHORT = 20.0, 0.3
_GAP = 0.15
_BLOCKING = ("read", "pread", "splice", "poll", "ioctl")
_OPEN_MODES = {"n": os.O_NONBLOCK, "w": os.O_RDWR, "W": os.O_WRONLY, "t": os.O_TRUNC}
_MISSED, _STORED = 1 << 31, 1 << 30
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031


class Interrupted(Exception):
    """The signal came."""


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Have a blocked call end, after 0 seconds never; the process has one thread that does so."""

    def interrupt(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def told_page(data: bytes, *, counter: bool) -> str:
    """A raw page, or its beginning: the length, the commit word, the events."""
    _, commit = struct.unpack_from("<QQ", data)
    length = commit & (_STORED - 1)
    end = min(16 + length, len(data))
    said = f"{len(data)} {length}"
    if commit & _MISSED:
        said += " missed"
        if commit & _STORED:
            said += f" {struct.unpack_from('<Q', data, end)[0]}"
            end += 8
    events = []
    at = 16
    while at + 4 <= 16 + length and at + 8 <= len(data):
        word, extra = struct.unpack_from("<II", data, at)
        kind, delta = word & 31, word >> 5
        name = {0: f"long{extra}", 29: f"pad{extra}", 30: "extend", 31: "stamp"}.get(
            kind, str(kind)
        )
        events.append(f"{name}+{delta}" if counter and kind < 29 else name)
        at += 8 if kind in (30, 31) else 4 + (4 * kind if 0 < kind < 29 else extra)
    for event, same in itertools.groupby(events):
        count = len(list(same))
        said += f" {event}*{count}" if count > 1 else f" {event}"
    return said + ("" if not any(data[end:]) else " and more")


def told(request: str, data: bytes, *, counter: bool) -> str:
    """An answer with data."""
    if request.startswith("cat"):
        return normal(data.decode("latin-1"))
    if b"mark_write" in data or (data.strip().isascii() and data.strip()):
        lines = data.decode("latin-1").split("\n")
        return f"{len(data)} " + "|".join(line.partition("mark_write: ")[2] for line in lines)
    if len(data) < 16 or not any(data):
        return f"{len(data)} {'zero' if not any(data) else ''}".strip()
    if struct.unpack_from("<Q", data, 8)[0] & (_STORED - 1) > 1 << 16:
        return f"{len(data)} rest"
    if request.startswith("splice"):
        pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
        return " / ".join(told_page(page, counter=counter) for page in pages)
    return told_page(data, counter=counter)


class RawClient:
    """A process with open files in a tracing folder."""

    def __init__(self, tracing: Path) -> None:
        self._tracing = tracing
        self._files: dict[str, int] = {}
        self._counter = False

    def play(self, steps: list[tuple[str, str]]) -> list[str]:
        """Make requests, and close what they leave open; the answers.

        steps: requests and the expected answers: what is to be interrupted is, after a short time.
        """
        self._counter = any("trace_clock counter" in request for request, _ in steps)
        try:
            return [
                self._answer(request, _SHORT if expected == "EINTR" else _LONG)
                for request, expected in steps
            ]
        finally:
            for file in self._files.values():
                os.close(file)
            self._files.clear()

    def _answer(self, request: str, patience: float) -> str:
        word, _, rest = request.partition(" ")
        act: Callable[..., Any] = getattr(self, f"_{word}")
        try:
            with interrupted_after(patience if word in _BLOCKING else 0):
                said = (
                    act(*rest.split(" ", 1)) if word in ("write", "trunc") else act(*rest.split())
                )
        except Interrupted:
            return "EINTR"
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        if isinstance(said, bytes):
            return f"OK {told(request, said, counter=self._counter)}".strip()
        return "OK" if said is None else f"OK {said}"

    def _open(self, name: str, path: str, mode: str = "") -> None:
        flags = 0
        for letter in mode:
            flags |= _OPEN_MODES.get(letter, 0)
        self._files[name] = os.open(self._tracing / path, flags)

    def _close(self, name: str) -> None:
        os.close(self._files.pop(name))

    def _read(self, name: str, count: str) -> bytes:
        return os.read(self._files[name], int(count))

    def _rest(self, name: str) -> bytes:
        return b"".join(iter(lambda: self._read(name, "4096"), b""))

    def _pread(self, name: str, count: str, at: str) -> bytes:
        return os.pread(self._files[name], int(count), int(at))

    def _splice(self, name: str, count: str, flags: str) -> bytes:
        outlet, inlet = os.pipe()
        try:
            fcntl.fcntl(inlet, _F_SETPIPE_SZ, _PIPE_SIZE)
            moved = os.splice(self._files[name], inlet, int(count), flags=int(flags))
            return os.read(outlet, moved) if moved else b""
        finally:
            os.close(outlet)
            os.close(inlet)

    def _poll(self, name: str, milliseconds: str) -> str:
        poll = select.poll()
        everything = select.POLLIN | select.POLLPRI | select.POLLOUT
        poll.register(self._files[name], everything | select.POLLRDNORM | select.POLLWRNORM)
        found = poll.poll(int(milliseconds))
        return f"{len(found)} {found[0][1] if found else 0:x}"

    def _lseek(self, name: str, at: str) -> int:
        return os.lseek(self._files[name], int(at), os.SEEK_SET)

    def _ioctl(self, name: str, command: str) -> int:
        return fcntl.ioctl(self._files[name], int(command))

    def _wr(self, name: str) -> int:
        return os.write(self._files[name], b"x")

    def _write(self, path: str, text: str = "", flags: int = 0) -> None:
        file = os.open(self._tracing / path, os.O_WRONLY | flags)
        try:
            os.write(file, f"{text}\n".encode())
        finally:
            os.close(file)

    def _trunc(self, path: str, text: str = "") -> None:
        self._write(path, text, os.O_TRUNC)

    def _cat(self, path: str) -> bytes:
        return (self._tracing / path).read_bytes()

    def _mkdir(self, path: str) -> None:
        (self._tracing / path).mkdir()

    def _rmdir(self, path: str) -> None:
        (self._tracing / path).rmdir()

    def _marker(self, size: str, count: str = "1") -> None:
        for number in range(int(count)):
            text = bytes(97 + (number + at) % 26 for at in range(int(size)))
            file = os.open(self._tracing / "trace_marker", os.O_WRONLY)
            with contextlib.suppress(OSError):  # a full buffer refuses it
                os.write(file, text)
            os.close(file)

    def _gap(self, size: str, count: str) -> None:
        for _ in range(int(count)):
            self._marker(size)
            time.sleep(_GAP)

    def _later(self, milliseconds: str, *request: str) -> None:
        threading.Timer(int(milliseconds) / 2000, self._in_background, request).start()

    def _in_background(self, word: str, *rest: str) -> None:
        getattr(self, f"_{word}")(*rest)
