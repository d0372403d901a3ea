"""Units in which procfs tells time."""

from __future__ import annotations

_TICK = 10_000_000
"""Nanoseconds in one of the ticks that user space counts (USER_HZ is 100)."""

TICKS_PER_SECOND = 100


def clock_ticks(nanoseconds: int) -> int:
    """nsec_to_clock_t() in kernel/time/time.c."""
    return nanoseconds // _TICK
