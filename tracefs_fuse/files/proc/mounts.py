"""``/proc/mounts``: where clients look for tracefs.

Modelled after show_vfsmnt() (fs/proc_namespace.c).
"""

from __future__ import annotations

from tracefs_fuse.files.node import File, OpenFile, OpenText, Request, TextFile
from tracefs_fuse.real_proc import PLACE, real_proc

_OF_THE_LAB = """\
debugfs /sys/kernel/debug debugfs rw,nosuid,nodev,noexec,relatime 0 0
tracefs /sys/kernel/tracing tracefs rw,nosuid,nodev,noexec,relatime 0 0
"""
_REPLACED = ("tracefs", "debugfs", "fuse.tracefs-fuse")
"""Types of mounts that are not shown: those that the lab stands for, and its own."""


class MountsFile(File):
    """The mounts of the caller's namespace, with the lab's folders as a kernel mounts them."""

    def __init__(self) -> None:
        super().__init__(0o444)

    def open(self, request: Request, flags: int) -> OpenFile:
        return OpenText(TextFile(self.mode, lambda: mounts_text(request.pid)))


def mounts_text(pid: int) -> str:
    """What a process finds mounted; the lab's rows alone when it is gone."""
    try:
        rows = (real_proc() / f"{pid}/mounts").read_bytes().decode("latin-1").split("\n")[:-1]
    except OSError:
        rows = []
    return "".join(f"{row}\n" for row in rows if _is_shown(row)) + _OF_THE_LAB


def _is_shown(row: str) -> bool:
    """True if a mount is of a type that is kept and not for the lab's own use."""
    _, folder, type_, *_ = row.split(" ")
    return type_ not in _REPLACED and not f"{folder}/".startswith(f"/proc/{PLACE}/")
