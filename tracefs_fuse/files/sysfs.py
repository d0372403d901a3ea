"""Files and folders of sysfs.

Modelled after fs/kernfs/, fs/sysfs/file.c and seq_file.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.folio import PAGE_SIZE
from tracefs_fuse.files.node import (
    READABLE,
    WRITABLE,
    Directory,
    File,
    FileSystem,
    Node,
    OpenFile,
    Request,
)
from tracefs_fuse.tracing.numbers import refuse

_SYSFS = FileSystem(syncs_files=True, syncs_folders=False)
_LARGE = frozenset({"7.3"})
"""Kernels in which truncate(2) takes any size."""

_READABLE, _WRITABLE = 0o444, 0o222
_NEEDED = {
    os.O_RDONLY: (_READABLE,),
    os.O_WRONLY: (_WRITABLE,),
    os.O_RDWR: (_READABLE, _WRITABLE),
}
"""Of which permission bits some must be set."""

_NEWS = select.POLLERR | select.POLLPRI
_MASK_64 = (1 << 64) - 1
_GOLDEN_RATIO = 0x61C8864680B583EB


def sysfs_of(kernel: str) -> FileSystem:
    """What the nodes of sysfs have in common in a version of the kernel."""
    return replace(_SYSFS, largest=None) if kernel in _LARGE else _SYSFS


class SysfsFolder(Directory):
    """A folder of sysfs, which lists its entries by the hashes of their names."""

    def __init__(self, entries: Mapping[str, Node]) -> None:
        super().__init__(dict(sorted(entries.items(), key=lambda entry: _name_hash(entry[0]))))


def _name_hash(name: str) -> int:
    """kernfs_name_hash() (fs/kernfs/dir.c)."""
    value = 0
    for byte in name.encode():
        value = (value + (byte << 4) + (byte >> 4)) * 11 & _MASK_64
    return (value * _GOLDEN_RATIO & _MASK_64) >> 32 & 0x7FFFFFFF


class Attribute(File):
    """A file of sysfs, which shows the size of a page; without ``store`` a write is EIO."""

    size = PAGE_SIZE

    def __init__(
        self, show: Callable[[], str], store: Callable[[bytes], None] | None = None
    ) -> None:
        super().__init__(0o444 if store is None else 0o644)
        self.show = show
        self.store = store

    def open(self, request: Request, flags: int) -> OpenFile:
        """kernfs_fop_open(): what the mode allows nobody, root may not do either."""
        if not all(self.mode & allowed for allowed in _NEEDED.get(flags & os.O_ACCMODE, ())):
            raise refuse(errno.EACCES)
        return _OpenAttribute(self)


class _OpenAttribute(OpenFile):
    """An open file of sysfs: text that is read on goes on, any other place makes it anew."""

    splices = True

    def __init__(self, attribute: Attribute) -> None:
        self._attribute = attribute
        self._rest = b""
        self._offset = 0
        self._news = _NEWS

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        self._news = 0
        if offset == 0 or offset != self._offset:
            self._rest = self._attribute.show().encode("latin-1")[offset:]
        data, self._rest = self._rest[:size], self._rest[size:]
        self._offset = offset + len(data)
        return data

    def write(self, request: Request, data: bytes, offset: int) -> int:
        """kernfs_fop_write_iter(): at most a page, wherever it is written."""
        if not data:
            return 0
        if self._attribute.store is None:
            raise refuse(errno.EIO)
        self._attribute.store(data[:PAGE_SIZE])
        return min(len(data), PAGE_SIZE)

    def events(self) -> int:
        """What has not been read is news, also to those who only write."""
        return READABLE | WRITABLE | self._news
