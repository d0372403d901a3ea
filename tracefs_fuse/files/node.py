"""Nodes of a tree of pseudo-files, and what is open of them.

Modelled after fs/tracefs/, fs/kernfs/ and seq_file: a file's text is made at the first read of an
open file and served from there; each write(2) is one call of the file's store handler.
"""

from __future__ import annotations

import enum
import errno
import os
import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tracefs_fuse.tracing.numbers import refuse

READABLE = select.POLLIN | select.POLLRDNORM
WRITABLE = select.POLLOUT | select.POLLWRNORM


def _never() -> bool:
    return False


class Request(NamedTuple):
    """Who asks."""

    pid: int
    uid: int = 0
    gid: int = 0
    interrupted: Callable[[], bool] = _never
    """Asked by a call before it waits: True when it should end with EINTR instead, as it should
    once a signal for the caller waits."""

    splices: bool = False
    """A read for splice(2) or sendfile(2)."""

    may_trace: bool = True
    """May look into the lab's processes, as PTRACE_MODE_READ allows: root, and who mounted it."""


@dataclass(frozen=True)
class FileSystem:
    """What the files and folders of a file system have in common."""

    block_size: int = 4096
    name_limit: int | None = None
    """Bytes; what is longer is ENAMETOOLONG."""

    largest: int | None = (1 << 31) - 1
    """Bytes that truncate(2) can set at most (s_maxbytes); more is EFBIG."""

    shows_truncation: bool = False
    """truncate(2) sets the size that stat shows."""

    syncs_files: bool = False
    syncs_folders: bool = True
    """fsync(2) does nothing; otherwise it is EINVAL."""

    fixed_owners: bool = False
    """chmod(2) and chown(2) are EPERM."""

    finds_new: bool = True
    """Making something gets so far that permissions count; otherwise it is ENOENT."""

    removing: int = errno.EPERM
    """The error of removing or renaming something."""


class Seeks(enum.Enum):
    """Where lseek(2) may go."""

    ANYWHERE = enum.auto()
    NOT_TO_END = enum.auto()
    """To the end is EINVAL: a seq_file does not know where that is."""

    READERS_NOT_TO_END = enum.auto()
    """The same, but those who only write may go anywhere."""

    NOWHERE = enum.auto()
    """lseek(2) and pread(2) are ESPIPE."""


def reads(flags: int) -> bool:
    """Whether flags of open(2) allow reading; the access mode 3 allows neither."""
    return flags & os.O_ACCMODE in (os.O_RDONLY, os.O_RDWR)


def writes(flags: int) -> bool:
    """Whether flags of open(2) allow writing."""
    return flags & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)


class Node:
    """A file, folder or link."""

    mode: int
    """Permission bits."""

    owner: tuple[int, int] | None = None
    """User and group; None for those who mounted the lab."""

    times: tuple[int, int] | None = None
    """Nanoseconds of the last access and the last change; None for when the lab was mounted."""

    size: int = 0
    """What stat shows; pseudo-files have none."""


class Directory(Node):
    """A folder of fixed entries; subclasses may have others that come and go."""

    filesystem: FileSystem | None = None
    """What it and all below belong to; None for what the folder above does."""

    default_owner: Callable[[], tuple[int, int] | None] | None = None
    """User and group of it and of all below that have no ``owner``, for which None stands as there;
    without it, those of the folder above."""

    def __init__(self, entries: Mapping[str, Node], mode: int = 0o755) -> None:
        self.mode = mode
        self._entries = dict(entries)

    @property
    def links(self) -> int:
        """What stat counts: its name, its ``.`` and the ``..`` of each fixed folder in it."""
        return 2 + sum(isinstance(node, Directory) for node in self._entries.values())

    def lookup(self, name: str) -> Node | None:
        return self._entries.get(name)

    def find(self, name: str, request: Request) -> Node | None:
        """Look an entry up for one caller; a few folders depend on who asks."""
        return self.lookup(name)

    def children(self) -> dict[str, Node]:
        """All entries, in the order of a listing."""
        return dict(self._entries)

    def mkdir(self, name: str) -> None:
        """Make a folder; EPERM unless the folder allows it."""
        raise refuse(errno.EPERM)

    def rmdir(self, name: str, *, in_use: bool = False) -> None:
        """Remove a folder; EPERM unless the folder allows it.  in_use: files below it are open."""
        raise refuse(errno.EPERM)


class Symlink(Node):
    """A symbolic link."""

    mode = 0o777

    def __init__(self, target: str) -> None:
        self._target = target
        self.size = len(target)

    def target(self, request: Request) -> str:
        """The path that a caller is led to.  May refuse with OSError."""
        return self._target


class File(Node):
    """A regular file."""

    endless = False
    """splice(2) never comes to its end, so that stat shows none while it is open."""

    def __init__(self, mode: int, *, holds: bool = True) -> None:
        """holds: while it is open the folders above can't be removed."""
        self.mode = mode
        self.holds = holds

    def open(self, request: Request, flags: int) -> OpenFile:
        """Open the file; flags as of open(2), O_TRUNC included.  May refuse with OSError."""
        raise NotImplementedError


class OpenFile:
    """What one open of a file leads to.  Refuses everything that a subclass does not do."""

    seeks = Seeks.ANYWHERE
    splices = False
    """splice(2) and sendfile(2) can read it; otherwise they are EINVAL."""

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        """At most ``size`` bytes; none at the end.  EAGAIN when it would have to wait."""
        raise refuse(errno.EINVAL)

    def write(self, request: Request, data: bytes, offset: int) -> int:
        """Bytes consumed of one write(2)."""
        raise refuse(errno.EINVAL)

    def ioctl(self, command: int) -> None:
        """ioctl(2) without an argument; ENOTTY unless the file knows the command."""
        raise refuse(errno.ENOTTY)

    def events(self) -> int:
        """What poll(2) would report now; most files never make anybody wait."""
        return READABLE | WRITABLE

    def reported(self) -> None:
        """poll(2) has reported the events."""

    def release(self) -> None:
        """The last descriptor is closed."""


Show = Callable[[], "str | Iterator[str]"]
"""Makes a file's text, whole or in pieces; each character is a byte."""

Store = Callable[[Request, bytes], "int | None"]
"""Takes one write; returns the bytes consumed, None for all of them."""

Truncated = Callable[[Request], None]
"""An open for writing with O_TRUNC; may refuse it."""


class TextFile(File):
    """A file that shows text, and may take writes.

    Without ``show`` a read is EINVAL.
    """

    unwritable = errno.EINVAL
    """The error of a write without ``store``."""

    def __init__(
        self,
        mode: int,
        show: Show | None = None,
        store: Store | None = None,
        truncated: Truncated | None = None,
        released: Callable[[], None] | None = None,
        *,
        holds: bool = True,
        at_once: bool = False,
        seeks: Seeks = Seeks.ANYWHERE,
        splices: bool = False,
    ) -> None:
        """at_once: a read at another place than the start gives nothing."""
        super().__init__(mode, holds=holds)
        self.show = show
        self.store = store
        self.truncated = truncated
        self.released = released
        self.at_once = at_once
        self.seeks = seeks
        self.splices = splices

    def open(self, request: Request, flags: int) -> OpenFile:
        if writes(flags) and flags & os.O_TRUNC and self.truncated is not None:
            self.truncated(request)
        return self.opened(flags)

    def opened(self, flags: int) -> OpenText:
        """What an open leads to that nothing has refused."""
        return OpenText(self, flags)


class Listed(Iterator[str]):
    """The records of a list, by their numbers; behind the last one the list is looked at again.

    Modelled after seq_list_start() and seq_list_next() (fs/seq_file.c).
    """

    def __init__(self, records: Callable[[], Sequence[str]]) -> None:
        """records: makes the list as it is at the moment."""
        self._make = records
        self._records: Sequence[str] = ()
        self._number = 0

    def __next__(self) -> str:
        if self._number >= len(self._records):
            self._records = self._make()
        if self._number >= len(self._records):
            raise StopIteration
        self._number += 1
        return self._records[self._number - 1]


def lines_of(show: Callable[[], str]) -> Show:
    """The lines of a text as a list of records."""
    return lambda: Listed(lambda: [f"{line}\n" for line in show().split("\n")[:-1]])


class OpenText(OpenFile):
    """An open :class:`TextFile`.

    A read that goes on behind the one before continues with the same text.  Pieces are asked for
    again even behind their end, and may have more then.  A read at any other place makes the text
    again and skips what is in front of the place: seq_read_iter() and traverse() (fs/seq_file.c).
    """

    def __init__(self, file: TextFile, flags: int = os.O_RDONLY) -> None:
        self._file = file
        self.seeks = file.seeks
        if file.seeks is Seeks.READERS_NOT_TO_END:
            self.seeks = Seeks.NOT_TO_END if reads(flags) else Seeks.ANYWHERE
        self.splices = file.splices
        self._pieces: Iterator[str] | None = None
        """Text to come; None before the first read."""

        self._text = bytearray()
        """Text that was made and not yet read."""

        self._position = 0
        """End of the previous read, which is the offset of ``_text`` in the file."""

    def show(self) -> str | Iterator[str]:
        """Make the text."""
        if self._file.show is None:
            raise refuse(errno.EINVAL)
        return self._file.show()

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if offset and self._file.at_once:
            return b""
        if self._pieces is None or offset == 0 or offset != self._position:
            self._begin(offset)
        assert self._pieces is not None
        while len(self._text) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._text += piece.encode("latin-1")
        data = bytes(self._text[:size])
        del self._text[:size]
        self._position += len(data)
        return data

    def _begin(self, offset: int) -> None:
        """Make the text again, and go to a place in it, or behind its end."""
        shown = self.show()
        self._pieces = pieces = iter([shown]) if isinstance(shown, str) else shown
        self._text.clear()
        self._position = offset
        while offset and (piece := next(pieces, None)) is not None:
            self._text += piece[offset:].encode("latin-1")
            offset = max(0, offset - len(piece))

    def write(self, request: Request, data: bytes, offset: int) -> int:
        if self._file.store is None:
            raise refuse(self._file.unwritable)
        used = self._file.store(request, data)
        return len(data) if used is None else used

    def release(self) -> None:
        if self._file.released is not None:
            self._file.released()


class SimpleFile(TextFile):
    """A file whose text is made at each read, which takes from it what is at its place.

    Modelled after simple_read_from_buffer() (fs/libfs.c).  ``show`` makes the whole text.
    """

    def opened(self, flags: int) -> OpenText:
        return OpenSimple(self, flags)


class OpenSimple(OpenText):
    """An open :class:`SimpleFile`."""

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        return "".join(self.show()).encode("latin-1")[offset : offset + size]
