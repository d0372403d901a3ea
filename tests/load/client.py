"""A thread that asks a lab, and tells on a board what it waits for."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

_EXPECTED = frozenset(
    getattr(errno, name)
    for name in (
        *("E2BIG", "EACCES", "EAGAIN", "EBADF", "EBUSY", "EEXIST", "EINVAL", "ENODEV", "ENOENT"),
        *("ENOSPC", "ENOTSUP", "ENOTTY", "EOVERFLOW", "EPERM", "ESPIPE", "ESRCH"),
    )
)
"""What a kernel may answer to a setting, or of a file that is just going."""

_PIECE = 65536
_LONGEST = 1 << 20
_NAME = 120


class Slot(ctypes.Structure):
    """What one thread waits for; in memory that all processes share."""

    _fields_ = (
        ("since", ctypes.c_double),
        ("requests", ctypes.c_long),
        ("what", ctypes.c_char * _NAME),
    )


class Board:
    """The slots of all threads, and whether they are to end."""

    def __init__(self, threads: int) -> None:
        self.slots: Any = RawArray(Slot, threads)
        self._ending: Any = RawArray(ctypes.c_bool, 1)

    @property
    def ending(self) -> bool:
        return bool(self._ending[0])

    def end(self) -> None:
        self._ending[0] = True

    @property
    def requests(self) -> int:
        return sum(slot.requests for slot in self.slots)

    def longest_wait(self) -> tuple[float, str]:
        """Seconds that the oldest request is under way, and what it is."""
        seen = [(slot.since, slot.what.decode(errors="replace")) for slot in self.slots]
        since, what = min((wait for wait in seen if wait[0]), default=(time.monotonic(), ""))
        return time.monotonic() - since, what


class Client:
    """Asks for files by their path below the mount."""

    def __init__(self, mount: Path, board: Board, slot: int, seed: str) -> None:
        self.mount = mount
        self.random = Random(seed)
        self._board = board
        self._slot = board.slots[slot]
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}

    @property
    def ending(self) -> bool:
        return self._board.ending

    @contextmanager
    def asks(self, operation: str, path: str) -> Iterator[None]:
        """Around a request that is to be answered at once."""
        began = time.monotonic()
        self._slot.what = f"{operation} {path}".encode()[: _NAME - 1]
        self._slot.since = began
        try:
            yield
        except OSError as error:
            self.errors[f"{operation} {errno.errorcode[error.errno or 0]}"] += 1
            raise
        finally:
            self._slot.since = 0
            self.answered(operation)
            took = time.monotonic() - began
            self.slowest[operation] = max(took, self.slowest.get(operation, 0))

    def answered(self, operation: str) -> None:
        """Count a request."""
        self._slot.requests += 1
        self.counts[operation] += 1

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        with self.asks("open", path):
            return os.open(self.mount / path, flags)

    def close(self, descriptor: int, path: str) -> None:
        with self.asks("close", path):
            os.close(descriptor)

    def pieces(self, path: str, flags: int = os.O_RDONLY, size: int = _PIECE) -> Iterator[bytes]:
        """A file's content in reads of so many bytes, as far as its first megabyte."""
        descriptor = self.open(path, flags)
        length = 0
        try:
            while length < _LONGEST and not self.ending:
                with self.asks("read", path):
                    piece = os.read(descriptor, size)
                if not piece:
                    return
                length += len(piece)
                yield piece
        finally:
            self.close(descriptor, path)

    def read(self, path: str, flags: int = os.O_RDONLY) -> bytes:
        return b"".join(self.pieces(path, flags))

    def write(self, path: str, data: bytes, flags: int = 0) -> None:
        descriptor = self.open(path, os.O_WRONLY | flags)
        try:
            with self.asks("write", path):
                os.write(descriptor, data)
        finally:
            with suppress(OSError):
                self.close(descriptor, path)

    def names(self, folder: str) -> list[str]:
        """What a folder lists; nothing when it is gone."""
        with self.may_be_refused(), self.asks("readdir", folder):
            return os.listdir(self.mount / folder)
        return []

    @contextmanager
    def may_be_refused(self) -> Iterator[None]:
        """Around requests that a kernel might refuse, too."""
        try:
            yield
        except OSError as error:
            if error.errno not in _EXPECTED:
                raise


Job = Callable[[Client], None]
"""What a thread does until the board says that all end."""
