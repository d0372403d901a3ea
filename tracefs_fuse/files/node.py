"""Nodes of a tree of pseudo-files, and what is open of them.

Modelled after fs/tracefs/, fs/kernfs/ and seq_file: a file's text is made at the first read of an
open file and served from there; each write(2) is one call of the file's store handler.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tracefs_fuse.tracing.numbers import refuse

READABLE = select.POLLIN | select.POLLRDNORM
WRITABLE = select.POLLOUT | select.POLLWRNORM


@dataclass(frozen=True)
class Request:
    """Who asks."""

    pid: int
    uid: int = 0
    gid: int = 0
    interrupted: Callable[[], bool] = field(default=lambda: False)
    """True once a signal for the caller waits: a blocked call should end with EINTR."""

    splices: bool = False
    """A read for splice(2) or sendfile(2)."""


class Node:
    """A file, folder or link."""

    mode: int
    """Permission bits."""

    owner: tuple[int, int] | None = None
    """User and group; None for those who mounted the lab."""

    size: int = 0
    """What stat shows; pseudo-files have none."""


class Directory(Node):
    """A folder of fixed entries; subclasses may have others that come and go."""

    def __init__(self, entries: Mapping[str, Node], mode: int = 0o755) -> None:
        self.mode = mode
        self._entries = dict(entries)

    @property
    def links(self) -> int:
        """What stat counts: its name, its ``.`` and the ``..`` of each fixed folder in it."""
        return 2 + sum(isinstance(node, Directory) for node in self._entries.values())

    def lookup(self, name: str) -> Node | None:
        return self._entries.get(name)

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
        self.target = target


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

    seekable: bool = True
    """lseek(2) and pread(2) are possible; if not, they are ESPIPE."""

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

    Without ``show`` a read is EINVAL, without ``store`` a write is.
    """

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
        seekable: bool = True,
    ) -> None:
        """at_once: a read at another place than the start gives nothing."""
        super().__init__(mode, holds=holds)
        self.show = show
        self.store = store
        self.truncated = truncated
        self.released = released
        self.at_once = at_once
        self.seekable = seekable

    def open(self, request: Request, flags: int) -> OpenFile:
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        if writes and flags & os.O_TRUNC and self.truncated is not None:
            self.truncated(request)
        return OpenText(self)


class OpenText(OpenFile):
    """An open :class:`TextFile`.

    Text that comes in pieces may go on while it is read, so what was read of it is not kept: for a
    read further in front it is made anew.
    """

    def __init__(self, file: TextFile) -> None:
        self._file = file
        self.seekable = file.seekable
        self._pieces: Iterator[str] | None = None
        self._in_pieces = False
        self._text = bytearray()
        self._start = 0
        """Where in the file the text begins that is kept."""

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if self._file.show is None:
            raise refuse(errno.EINVAL)
        if offset and self._file.at_once:
            return b""
        if self._pieces is None or offset == 0 or offset < self._start:
            shown = self._file.show()  # rewinding makes the text anew
            self._in_pieces = not isinstance(shown, str)
            self._pieces = iter((shown,)) if isinstance(shown, str) else shown
            self._text.clear()
            self._start = 0
        while self._start + len(self._text) < offset + size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._text += piece.encode("latin-1")
            if self._in_pieces:
                self._forget(offset)
        at = offset - self._start
        return bytes(self._text[at : at + size])

    def _forget(self, offset: int) -> None:
        """Let go of what comes before an offset."""
        gone = min(offset - self._start, len(self._text))
        if gone:
            del self._text[:gone]
            self._start += gone

    def write(self, request: Request, data: bytes, offset: int) -> int:
        if self._file.store is None:
            raise refuse(errno.EINVAL)
        used = self._file.store(request, data)
        return len(data) if used is None else used

    def release(self) -> None:
        if self._file.released is not None:
            self._file.released()
