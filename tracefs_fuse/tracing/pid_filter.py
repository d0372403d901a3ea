"""Which tasks' events an instance takes: set_event_pid and set_event_notrace_pid.

Modelled after kernel/trace/pid_list.c and event_pid_write() (kernel/trace/trace_events.c).
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.user_words import first_word

_PID_LIMIT = 1 << 30
_PID_BITS = 32


class PidList:
    """A set of pids; an empty one means that the file is not in use."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def add(self, text: str) -> int:
        """Add the pids of a write up to a word that is empty; returns how many characters that is.

        On an error none is added.  Raises EPERM for what no pid can be.
        """
        pids = set()
        used, word = 0, text
        while word and used < len(text):
            word, used = first_word(text, used)
            if word:
                pid = parse_unsigned(word, base0=True) % (1 << _PID_BITS)
                if pid >= _PID_LIMIT:
                    raise refuse(errno.EPERM)
                pids.add(pid)
        self.pids |= pids
        return used

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
