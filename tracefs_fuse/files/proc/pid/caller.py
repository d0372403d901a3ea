"""``self``: a caller finds its own process, which is one of the machine that the lab runs on.

Modelled after fs/proc/self.c and fs/proc/thread_self.c.  Clients such as ps(1) read there who they
are themselves.
"""

from __future__ import annotations

import errno

from tracefs_fuse.files.node import Directory, Node, Request, Seeks, Symlink, TextFile
from tracefs_fuse.files.proc.filesystem import PROCESS
from tracefs_fuse.real_proc import real_proc
from tracefs_fuse.tracing.numbers import refuse

_FILES = ("cgroup", "cmdline", "comm", "stat", "statm", "status")


class SelfLink(Symlink):
    """``self``, or ``thread-self``; ENOENT for a caller of another pid namespace."""

    def __init__(self, *, thread: bool = False) -> None:
        super().__init__("")
        self._thread = thread

    def target(self, request: Request) -> str:
        tgid = tgid_of(request.pid)
        if not tgid:
            raise refuse(errno.ENOENT)
        return f"{tgid}/task/{request.pid}" if self._thread else str(tgid)


def tgid_of(pid: int) -> int:
    """The process that a real thread belongs to; 0 when there is none."""
    try:
        status = (real_proc() / f"{pid}/status").read_text(errors="surrogateescape")
    except OSError:
        return 0
    return next((int(line[5:]) for line in status.splitlines() if line.startswith("Tgid:")), 0)


def caller_tree(pid: int) -> Directory:
    """The folder of the process that asks, with what the machine says of it."""
    tasks: dict[str, Node] = {}
    for thread in _threads(pid):
        tasks[thread] = _folder({name: _file(f"{pid}/task/{thread}/{name}") for name in _FILES})
    return _folder({**{name: _file(f"{pid}/{name}") for name in _FILES}, "task": _folder(tasks)})


def _threads(pid: int) -> list[str]:
    try:
        return [path.name for path in (real_proc() / f"{pid}/task").iterdir()]
    except OSError:
        return []


def _folder(entries: dict[str, Node]) -> Directory:
    folder = Directory(entries, mode=0o555)
    folder.filesystem = PROCESS
    return folder


def _file(path: str) -> TextFile:
    def text() -> str:
        try:
            return (real_proc() / path).read_bytes().decode("latin-1")
        except OSError as error:
            raise refuse(error.errno or errno.ESRCH) from None

    return TextFile(0o444, text, seeks=Seeks.NOT_TO_END)
