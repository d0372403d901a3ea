"""Getting an event's values out of a record, whatever type the record says it has."""

from __future__ import annotations

from collections.abc import Callable

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.print_fmt import Values


def values_of(event: TraceEvent) -> Callable[[bytes], Values]:
    """How the own values of an event's records are got.

    A record that is too short, because its type was made up, is taken to go on with zeroes.
    """
    unpack, size = event.layout.unpacker, event.layout.struct.size
    return lambda record: unpack(record if len(record) >= size else record.ljust(size, b"\0"))
