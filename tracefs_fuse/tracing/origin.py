"""The cause of an event: the event itself, or a write to a file."""

from __future__ import annotations

from enum import Enum


class Origin(Enum):
    """The ways in which an event happens."""

    EVENT = "event"
    """The event itself: a tracepoint, or a synthetic event that is generated."""

    INJECTED = "injected"
    """A record put in by hand: triggers that don't need it don't run."""

    MARKER = "marker"
    """A write to trace_marker: always kept, and triggers always get to see the record."""
