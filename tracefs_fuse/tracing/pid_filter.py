"""Lists of tasks: set_event_pid, set_ftrace_pid and the like.

Modelled after kernel/trace/pid_list.c, event_pid_write() (kernel/trace/trace_events.c) and
trace_filter_add_remove_task() (kernel/trace/trace.c).
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.user_words import first_word

_PID_LIMIT = 1 << 30
_PID_BITS = 32


class PidList:
    """A set of pids that may be in use or not; one in use may be empty."""

    def __init__(self) -> None:
        self.pids: set[int] | None = None
        """None while the list is not in use."""

    def add(self, text: str) -> int:
        """Add the pids of a write up to a word that is empty; returns how many characters that is.

        A list that has no pid after that is not in use.  On an error none is added.  Raises
        EPERM for what no pid can be.
        """
        pids = set(self.pids or ())
        used, word = 0, text
        while word and used < len(text):
            word, used = first_word(text, used)
            if word:
                pid = parse_unsigned(word, base0=True) % (1 << _PID_BITS)
                if pid >= _PID_LIMIT:
                    raise refuse(errno.EPERM)
                pids.add(pid)
        self.pids = pids or None
        return used

    def clear(self) -> None:
        """Take all pids out and the list out of use."""
        self.pids = None

    def text(self) -> str:
        """The pids in ascending order, one a line."""
        return "".join(f"{pid}\n" for pid in sorted(self.pids or ()))

    def fork(self, parent: int, child: int) -> None:
        """A task whose parent is in the list joins it."""
        if self.pids is not None and parent in self.pids:
            self.pids.add(child)

    def exit(self, pid: int) -> None:
        """A task that ends leaves the list, which stays in use."""
        if self.pids is not None:
            self.pids.discard(pid)


class PidFilter:
    """Both lists of an instance."""

    def __init__(self) -> None:
        self.only = PidList()
        self.never = PidList()

    @property
    def in_use(self) -> bool:
        """True if events of some tasks may be left out."""
        return self.only.pids is not None or self.never.pids is not None

    def lists(self) -> tuple[PidList, PidList]:
        """The list of tasks that are taken, and that of tasks that are not."""
        return self.only, self.never

    def admits(self, pid: int) -> bool:
        """Whether events of this task are recorded."""
        only, never = self.only.pids, self.never.pids
        return (only is None or pid in only) and (never is None or pid not in never)
