"""The trace clocks that an instance may stamp its events with.

Modelled after the trace_clocks table (kernel/trace/trace.c); all are read off virtual time.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from tracefs_fuse.tracing.compose import Namespace
from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.source import SourceLike

_JIFFY = 4_000_000
"""Nanoseconds of a jiffy at 250 Hz."""

_TSC_PER_US = 2496
_MAX_NAME = 64


@dataclass(frozen=True)
class TraceClock:
    """A clock by its name; read gives its value for virtual nanoseconds since boot."""

    name: str
    in_ns: bool
    read: Callable[[int], int]


def _as_it_is(now: int) -> int:
    return now


CLOCKS = (
    TraceClock("local", True, _as_it_is),
    TraceClock("global", True, _as_it_is),
    TraceClock("counter", False, _as_it_is),
    TraceClock("uptime", False, lambda now: now // _JIFFY),
    TraceClock("perf", True, _as_it_is),
    TraceClock("mono", True, _as_it_is),
    TraceClock("mono_raw", True, _as_it_is),
    TraceClock("boot", True, _as_it_is),
    TraceClock("tai", True, _as_it_is),
    TraceClock("x86-tsc", False, lambda now: now * _TSC_PER_US // 1000),
)


class Clock:
    """An instance's current clock."""

    def __init__(self, source: SourceLike) -> None:
        self._source = source
        self._count = 0
        self.current = CLOCKS[0]

    @property
    def name(self) -> str:
        return self.current.name

    @property
    def in_ns(self) -> bool:
        return self.current.in_ns

    def read(self) -> int:
        """The time stamp for an event that happens now."""
        if self.current.name == "counter":
            self._count += 1
            return self._count
        return self.current.read(self._source.now)

    def compose(self, namespace: Namespace) -> str:
        """The source of a reading, for as long as the clock is this one."""
        if self.current.read is _as_it_is and self.current.name != "counter":
            return f"{namespace.bind(self._source, 'source')}.now"
        return f"{namespace.bind(self.read, 'clock')}()"

    def select(self, name: str) -> None:
        """Raises EINVAL for an unknown clock."""
        found = [clock for clock in CLOCKS if clock.name == name.strip(BLANKS)]
        if len(name) >= _MAX_NAME or not found:
            raise refuse(errno.EINVAL)
        self.current = found[0]

    def text(self) -> str:
        """The ``trace_clock`` file."""
        names = [f"[{c.name}]" if c is self.current else c.name for c in CLOCKS]
        return " ".join(names) + "\n"
