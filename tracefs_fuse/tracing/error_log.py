"""The error_log file: what was wrong with the latest refused commands.

Modelled after tracing_log_err() in kernel/trace/trace.c.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MAX_ENTRIES = 8
_MAX_LOCATION = 127
_COMMAND_PREFIX = "  Command: "


class ErrorLog:
    """The latest eight errors of one instance."""

    def __init__(self, now: Callable[[], int]) -> None:
        """now: the local clock in nanoseconds."""
        self._now = now
        self._entries: deque[str] = deque(maxlen=_MAX_ENTRIES)

    def log(self, location: str, command: str, message: str, position: int) -> None:
        """Add an entry.

        location: what refused the command, as ``hist:huge_memory:mm_khugepaged_scan_pmd``.
        position: index in ``command`` that the caret points at.
        """
        seconds, nanoseconds = divmod(self._now(), 1_000_000_000)
        head = f"{location}: error: "[:_MAX_LOCATION]
        caret = " " * (len(_COMMAND_PREFIX) + position)
        self._entries.append(
            f"[{seconds:5}.{nanoseconds // 1000:06}] {head}{message}\n"
            f"{_COMMAND_PREFIX}{command}\n{caret}^\n"
        )

    def clear(self) -> None:
        self._entries.clear()

    def entries(self) -> list[str]:
        """The text of each entry, oldest first."""
        return list(self._entries)
