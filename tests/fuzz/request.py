"""One system call of a client, as plain data: a failure can be told, repeated and cut down."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass, field
from typing import Protocol

OK = "OK"
SLOTS = range(4)
"""Places for the open files of a client."""

ON_FILES = frozenset(
    (
        "open",
        "read",
        "pread",
        "write",
        "pwrite",
        "close",
        "mkdir",
        "rmdir",
        "readdir",
        "poll",
        "ioctl",
    )
)
"""What a file system without a kernel in front of it can be asked for."""

_SHOWN_BYTES = 200


@dataclass(frozen=True)
class Request:
    """What is asked; which of the fields count depends on the operation."""

    operation: str
    path: str = ""
    slot: int = 0
    """The open file that is meant, or the place for a new one."""

    data: bytes = b""
    """What to write, or the second name of an operation that takes two."""

    number: int = 0
    """Flags of an open, else an offset, a size or a mode."""

    def __str__(self) -> str:
        shown = repr(self.data[:_SHOWN_BYTES])
        if len(self.data) > _SHOWN_BYTES:
            shown += f"... ({len(self.data)} bytes)"
        number = oct(self.number) if self.operation == "open" else str(self.number)
        return f"{self.operation} {self.path or f'#{self.slot}'} {number} {shown}"


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    status: str
    """OK, or the name of the error number."""

    data: bytes = b""
    """What was read; the names of a folder, one a line."""

    number: int = 0
    """Bytes written."""

    @classmethod
    def of_error(cls, error: OSError) -> Answer:
        return cls(errno.errorcode.get(error.errno or 0, f"errno {error.errno}"))


class Target(Protocol):
    """A lab to make requests of."""

    operations: frozenset[str]
    """Those that it can be asked for."""

    def perform(self, request: Request) -> Answer: ...

    def state(self) -> dict[str, str]:
        """All that a refused request must leave as it was: a text for each path."""

    def complaints(self) -> list[str]:
        """What the lab has logged so far."""

    def close(self) -> None: ...


@dataclass
class OpenPaths:
    """Which path is open in which slot, as far as the answers tell."""

    of_slot: dict[int, str] = field(default_factory=dict)

    def path_of(self, request: Request) -> str:
        """The path that a request is about."""
        return request.path or self.of_slot.get(request.slot, "")

    def answered(self, request: Request, answer: Answer) -> None:
        if request.operation == "close" or request.operation == "open":
            self.of_slot.pop(request.slot, None)
        if request.operation == "open" and answer.status == OK:
            self.of_slot[request.slot] = request.path


def read_file(target: Target, path: str, slot: int = 0) -> Answer:
    """Open, read to the end without waiting, close."""
    opened = target.perform(Request("open", path, slot, number=os.O_RDONLY | os.O_NONBLOCK))
    if opened.status != OK:
        return opened
    data = b""
    while len(data) < _MOST:
        answer = target.perform(Request("read", slot=slot, number=_CHUNK))
        if answer.status != OK or not answer.data:
            break
        data += answer.data
    target.perform(Request("close", slot=slot))
    return Answer(answer.status, data)


def write_file(target: Target, path: str, data: bytes, flags: int = 0, slot: int = 0) -> Answer:
    """Open, write once, close."""
    opened = target.perform(Request("open", path, slot, number=os.O_WRONLY | flags))
    if opened.status != OK:
        return opened
    answer = target.perform(Request("write", slot=slot, data=data))
    target.perform(Request("close", slot=slot))
    return answer


def names_in(target: Target, path: str) -> list[str]:
    """What a folder holds; nothing when it is not there."""
    return target.perform(Request("readdir", path)).data.decode().split("\n")[:-1]


_CHUNK = 1 << 16
_MOST = 1 << 20
"""Bytes after which a file is read no further: pagemap, for one, has no end to speak of."""

TRACING = "/sys/kernel/tracing"
_INSTANCE = re.compile(rf"{TRACING}/instances/[^/]+")


def kind_of(path: str) -> str:
    """What files have in common that take the same words: mostly their name."""
    folder, _, name = _INSTANCE.sub(TRACING, path).rpartition("/")
    if folder.startswith(TRACING):
        return "option" if folder.endswith("/options") else name
    return "proc" if path.startswith("/proc") else "knob"
