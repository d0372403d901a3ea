"""Names and thread groups of tasks that were seen tracing, by pid.

Modelled after kernel/trace/trace_sched_switch.c (saved_cmdlines, saved_tgids).
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import number_written, refuse
from tracefs_fuse.tracing.source import TaskLike, comm_of_task

_DEFAULT_SIZE = 128
_MAX_SIZE = 32768
_PAGE_SIZE = 4096
_MAP_SIZE = 131096
_NAME_SIZE = 20
"""Bytes: of the map from pids to names, and of a name with its pid."""


def _names_in_pages(size: int) -> int:
    """How many names fit where so many are wanted: pages come in powers of two."""
    pages = -(-(_MAP_SIZE + size * _NAME_SIZE) // _PAGE_SIZE)
    order = (pages - 1).bit_length()
    return ((_PAGE_SIZE << order) - _MAP_SIZE) // _NAME_SIZE


class SavedCmdlines:
    """A cache of bounded size; the oldest task gives way to a new one."""

    def __init__(self) -> None:
        self.size = _names_in_pages(_DEFAULT_SIZE)
        self._comms: dict[int, str] = {}
        self.known: dict[int, str] = {}
        """The names as their tasks have them: most records are by a task that has not changed."""

        self._tgids: dict[int, int] = {}
        self.changes = 0
        """How often names or thread groups changed."""

    def record_comm(self, task: TaskLike) -> None:
        self.changes += 1
        comms = self._comms
        if task.pid not in comms and len(comms) >= self.size:
            oldest = next(iter(comms))
            del comms[oldest], self.known[oldest]
        self.known[task.pid] = task.comm
        comms[task.pid] = comm_of_task(task).decode("latin-1")

    def record_tgid(self, task: TaskLike) -> None:
        if self._tgids.get(task.pid) != task.tgid:
            self._tgids[task.pid] = task.tgid
            self.changes += 1

    def comm_of(self, pid: int) -> str:
        """The name of a task, one character a byte."""
        if pid == 0:
            return "<idle>"
        if pid < 0:
            return "<XXX>"
        return self._comms.get(pid, "<...>")

    def tgid_of(self, pid: int) -> int | None:
        return self._tgids.get(pid)

    def resize(self, text: str) -> None:
        """Make room for so many names, and for those that fit into the last pages of it.

        Raises EINVAL outside of 1..32768; forgets all names.
        """
        size = number_written(text)
        if not 1 <= size <= _MAX_SIZE:
            raise refuse(errno.EINVAL)
        self.size = _names_in_pages(size)
        self.changes += 1
        self._comms.clear()
        self.known.clear()

    def comms_text(self) -> str:
        """The ``saved_cmdlines`` file."""
        return "".join(f"{pid} {comm}\n" for pid, comm in self._comms.items())

    def tgids_text(self) -> str:
        """The ``saved_tgids`` file."""
        return "".join(f"{pid} {tgid}\n" for pid, tgid in sorted(self._tgids.items()))
