"""The folder of one process, and its files (tgid_base_stuff in fs/proc/base.c)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from engine import Machine
from engine.machine import Process
from tracefs_fuse.files.node import Directory, OpenFile, OpenText, Request, Seeks, Store, TextFile
from tracefs_fuse.files.proc.filesystem import PROCESS
from tracefs_fuse.files.proc.maps import maps_text
from tracefs_fuse.files.proc.pagemap import PagemapFile
from tracefs_fuse.files.proc.smaps import smaps_rollup_text, smaps_text
from tracefs_fuse.files.proc.status import comm_of, statm_text, status_text
from tracefs_fuse.tracing.numbers import refuse

_READABLE = 0o444


def process_tree(machine: Machine, process: Process) -> Directory:
    """The folder of a process."""

    def text(
        show: Callable[[], str | Iterator[str]], mode: int = _READABLE, store: Store | None = None
    ) -> ProcessFile:
        return ProcessFile(process, mode, show, store)

    def memory(show: Callable[[], str | Iterator[str]]) -> MemoryFile:
        return MemoryFile(process, _READABLE, show, None)

    tree = Directory(
        {
            "status": text(lambda: status_text(machine, process)),
            "comm": text(lambda: f"{comm_of(process)}\n", 0o644, _rename),
            "statm": text(lambda: statm_text(process)),
            "maps": memory(lambda: maps_text(process)),
            "smaps": memory(lambda: smaps_text(machine, process)),
            "smaps_rollup": memory(lambda: smaps_rollup_text(machine, process)),
            "pagemap": PagemapFile(machine, process),
        },
        mode=0o555,
    )
    tree.filesystem = PROCESS
    return tree


def _rename(request: Request, data: bytes) -> None:
    """comm_write(): only a process's own threads may."""
    raise refuse(errno.EINVAL)


class ProcessFile(TextFile):
    """A file with text about a process, which may end while it is open."""

    def __init__(
        self,
        process: Process,
        mode: int,
        show: Callable[[], str | Iterator[str]],
        store: Store | None,
    ) -> None:
        super().__init__(mode, show, store, seeks=Seeks.NOT_TO_END)
        self.process = process

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenProcessFile(self)


class MemoryFile(ProcessFile):
    """Everybody may see its mode, but only some may open it: proc_maps_open(), mm_access()."""

    def open(self, request: Request, flags: int) -> OpenFile:
        if not request.may_trace:
            raise refuse(errno.EACCES)
        return super().open(request, flags)


class _OpenProcessFile(OpenText):
    """Once the process is gone, what was made before is still read; all else is ESRCH."""

    def __init__(self, file: ProcessFile) -> None:
        super().__init__(file)
        self._process = file.process

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if self._process.mm.users:
            return super().read(request, size, offset, nonblock)
        made = self._pieces is not None and offset > 0
        if made and (offset < len(self._text) or self._is_whole()):
            return bytes(self._text[offset : offset + size])
        raise refuse(errno.ESRCH)

    def _is_whole(self) -> bool:
        return self._pieces is not None and next(self._pieces, None) is None

    def write(self, request: Request, data: bytes, offset: int) -> int:
        if self._file.store is not None and not self._process.mm.users:
            raise refuse(errno.ESRCH)
        return super().write(request, data, offset)
