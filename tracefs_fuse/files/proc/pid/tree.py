"""The folder of one process, and its files (tgid_base_stuff in fs/proc/base.c)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from functools import partial

from engine import Machine
from engine.task import KernelThread, Process
from tracefs_fuse.files.node import (
    Directory,
    File,
    Node,
    OpenFile,
    OpenText,
    Request,
    Seeks,
    Store,
    Symlink,
    TextFile,
)
from tracefs_fuse.files.proc.filesystem import PROCESS
from tracefs_fuse.files.proc.pid.maps import maps_text
from tracefs_fuse.files.proc.pid.numa_maps import numa_maps_text
from tracefs_fuse.files.proc.pid.pagemap import PagemapFile
from tracefs_fuse.files.proc.pid.smaps import smaps_rollup_text, smaps_text
from tracefs_fuse.files.proc.pid.stat import pid_stat_text
from tracefs_fuse.files.proc.pid.status import comm_of, statm_text, status_text
from tracefs_fuse.files.proc.versions import ProcVersion, version_of
from tracefs_fuse.tracing.numbers import refuse

_READABLE = 0o444


Shown = str | Iterator[str]


def process_tree(machine: Machine, process: Process | KernelThread) -> Directory:
    """The folder of a process: its files, and the folder of its only thread with most of them."""
    of_thread = _files(machine, process)
    children = ProcessFile(process, _READABLE, lambda: _children_text(machine, process))
    thread = _folder({**of_thread, "children": children})
    task = _folder({str(process.pid): thread})
    return _folder({**of_thread, "task": task})


def _folder(entries: dict[str, Node]) -> Directory:
    folder = Directory(entries, mode=0o555)
    folder.filesystem = PROCESS
    return folder


def _files(machine: Machine, process: Process | KernelThread) -> dict[str, Node]:
    """tid_base_stuff in fs/proc/base.c."""
    mm = process.mm

    def text(show: Callable[[], Shown]) -> ProcessFile:
        return ProcessFile(process, _READABLE, show)

    def told(show: Callable[[bool], str]) -> TellingFile:
        return TellingFile(process, show)

    files: dict[str, Node] = {
        "status": text(lambda: status_text(machine, process)),
        "stat": told(lambda may_trace: pid_stat_text(process, may_trace=may_trace)),
        "comm": ProcessFile(process, 0o644, lambda: f"{comm_of(process)}\n", _rename),
        "cmdline": text(lambda: _cmdline_text(process)),
        "statm": text(lambda: statm_text(mm)),
        "cgroup": text(lambda: _cgroup_text(process)),
        "exe": ExeLink(process),
    }
    if isinstance(process, KernelThread):
        version = version_of(machine)
        return {
            **files,
            "wchan": told(lambda may_trace: process.comm if may_trace else "0"),
            **{name: text(lambda: "") for name in ("maps", "smaps", "numa_maps")},
            "smaps_rollup": KernelThreadMemory(version, _READABLE, errno.ESRCH),
            "pagemap": KernelThreadMemory(version, 0o400),
        }
    return {
        **files,
        "maps": MemoryFile(process, lambda: maps_text(process)),
        "smaps": MemoryFile(process, lambda: smaps_text(machine, process)),
        "smaps_rollup": MemoryFile(process, lambda: smaps_rollup_text(machine, process)),
        "numa_maps": MemoryFile(process, lambda: numa_maps_text(process.mm)),
        "pagemap": PagemapFile(machine, process),
    }


def _rename(request: Request, data: bytes) -> None:
    """comm_write(): only a process's own threads may."""
    raise refuse(errno.EINVAL)


def _cmdline_text(process: Process | KernelThread) -> str:
    """get_mm_cmdline(): the words, a NUL after each; kernel threads have none."""
    words = process.mm.arguments if process.mm is not None else ""
    return words.encode("utf-8", "surrogateescape").decode("latin-1")


def _cgroup_text(process: Process | KernelThread) -> str:
    """proc_cgroup_show() in kernel/cgroup/cgroup.c, with the one hierarchy of cgroup2."""
    memcg = process.mm.memcg if process.mm is not None else None
    return f"0::{memcg.path if memcg is not None else '/'}\n"


def _children_text(machine: Machine, process: Process | KernelThread) -> str:
    """children_seq_show() in fs/proc/array.c."""
    tasks: list[Process | KernelThread] = [*machine.kthreads.values()]
    tasks += machine.processes.values()
    pids = sorted(task.pid for task in tasks if task.parent == process.pid)
    return "".join(f"{pid} " for pid in pids)


class ExeLink(Symlink):
    """The program that a process runs: proc_exe_link() in fs/proc/base.c."""

    def __init__(self, process: Process | KernelThread) -> None:
        super().__init__("")
        self._process = process

    def target(self, request: Request) -> str:
        """EACCES for those who may not look; ENOENT where there is no program."""
        if not request.may_trace:
            raise refuse(errno.EACCES)
        mm = self._process.mm
        if mm is None or mm.exe_file is None:
            raise refuse(errno.ENOENT)
        return mm.exe_file.path


class ProcessFile(TextFile):
    """A file with text about a process, which may end while it is open."""

    def __init__(
        self,
        process: Process | KernelThread,
        mode: int,
        show: Callable[[], Shown],
        store: Store | None = None,
    ) -> None:
        super().__init__(mode, show, store, seeks=Seeks.NOT_TO_END)
        self.process = process

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenProcessFile(self)


class TellingFile(File):
    """A file that tells more to those who may look into the process."""

    def __init__(self, process: Process | KernelThread, show: Callable[[bool], str]) -> None:
        super().__init__(_READABLE)
        self._process = process
        self._show = show

    def open(self, request: Request, flags: int) -> OpenFile:
        text = partial(self._show, request.may_trace)
        return _OpenProcessFile(ProcessFile(self._process, self.mode, text))


class MemoryFile(ProcessFile):
    """Everybody may see its mode, but only some may open it: proc_maps_open(), mm_access()."""

    def __init__(self, process: Process, show: Callable[[], Shown]) -> None:
        super().__init__(process, _READABLE, show)

    def open(self, request: Request, flags: int) -> OpenFile:
        if not request.may_trace:
            raise refuse(errno.EACCES)
        return super().open(request, flags)


class KernelThreadMemory(File):
    """A file about memory that kernel threads have as well, though they have no memory."""

    def __init__(self, version: ProcVersion, mode: int, error: int | None = None) -> None:
        """error: of a read, in kernels where it can be opened; None for an empty file."""
        super().__init__(mode)
        self._version = version
        self._error = error

    def open(self, request: Request, flags: int) -> OpenFile:
        if not self._version.opens_without_memory:
            raise refuse(errno.ESRCH)
        return OpenText(TextFile(self.mode, self._text, seeks=Seeks.NOT_TO_END))

    def _text(self) -> str:
        if self._error is not None:
            raise refuse(self._error)
        return ""


class _OpenProcessFile(OpenText):
    """Once the process is gone, what was made before is still read; all else is ESRCH."""

    def __init__(self, file: ProcessFile) -> None:
        super().__init__(file)
        self._process = file.process

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if self._process.is_alive:
            return super().read(request, size, offset, nonblock)
        made = self._pieces is not None and offset == self._position > 0
        if made and (self._text or self._is_whole()):
            data = bytes(self._text[:size])
            del self._text[:size]
            self._position += len(data)
            return data
        raise refuse(errno.ESRCH)

    def _is_whole(self) -> bool:
        return self._pieces is not None and next(self._pieces, None) is None

    def write(self, request: Request, data: bytes, offset: int) -> int:
        if self._file.store is not None and not self._process.is_alive:
            raise refuse(errno.ESRCH)
        return super().write(request, data, offset)
