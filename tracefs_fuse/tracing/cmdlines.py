"""Names and thread groups of tasks that were seen tracing, by pid.

Modelled after kernel/trace/trace_sched_switch.c (saved_cmdlines, saved_tgids).
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.source import TaskLike, comm_of_task

_MAX_SIZE = 32768


class SavedCmdlines:
    """A cache of bounded size; the oldest task gives way to a new one."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._comms: dict[int, str] = {}
        self._recorded: dict[int, str] = {}
        """The names as their tasks have them: most records are by a task that has not changed."""

        self._tgids: dict[int, int] = {}

    def record_comm(self, task: TaskLike) -> None:
        if self._recorded.get(task.pid) == task.comm:
            return
        comms = self._comms
        if task.pid not in comms and len(comms) >= self.size:
            oldest = next(iter(comms))
            del comms[oldest], self._recorded[oldest]
        self._recorded[task.pid] = task.comm
        comms[task.pid] = comm_of_task(task).decode("latin-1")

    def record_tgid(self, task: TaskLike) -> None:
        self._tgids[task.pid] = task.tgid

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
        """Raises EINVAL outside of 1..32768; forgets all names."""
        size = parse_unsigned(text)
        if not 1 <= size <= _MAX_SIZE:
            raise refuse(errno.EINVAL)
        self.size = size
        self._comms.clear()
        self._recorded.clear()

    def comms_text(self) -> str:
        """The ``saved_cmdlines`` file."""
        return "".join(f"{pid} {comm}\n" for pid, comm in self._comms.items())

    def tgids_text(self) -> str:
        """The ``saved_tgids`` file."""
        return "".join(f"{pid} {tgid}\n" for pid, tgid in sorted(self._tgids.items()))
