"""Which tasks' events an instance takes: set_event_pid and set_event_notrace_pid.

Modelled after kernel/trace/pid_list.c and event_pid_write() (kernel/trace/trace_events.c).
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import parse_unsigned, refuse

_PID_LIMIT = 1 << 30


class PidList:
    """A set of pids; an empty one means that the file is not in use."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def add(self, text: str) -> None:
        """Add whitespace-separated pids; on an error none of them."""
        pids = [parse_unsigned(word, base0=True) for word in text.split()]
        if any(pid >= _PID_LIMIT for pid in pids):
            raise refuse(errno.EPERM)
        self.pids.update(pids)

    def clear(self) -> None:
        self.pids.clear()

    def text(self) -> str:
        return "".join(f"{pid}\n" for pid in sorted(self.pids))


class PidFilter:
    """Both lists of an instance."""

    def __init__(self) -> None:
        self.only = PidList()
        self.never = PidList()

    @property
    def in_use(self) -> bool:
        return bool(self.only.pids or self.never.pids)

    def admits(self, pid: int) -> bool:
        """Whether events of this task are recorded."""
        only = self.only.pids
        return (not only or pid in only) and pid not in self.never.pids
