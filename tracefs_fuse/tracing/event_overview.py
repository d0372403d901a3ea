"""All filters and triggers of an instance in one file each.

Modelled after show_event_filters and show_event_triggers (kernel/trace/trace_events.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.filter import read_event_filter

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.trace_array import TraceArray

_COLUMN = 32


def filters_text(array: TraceArray) -> str:
    """``show_event_filters``: a line for each event that has a filter."""
    return "".join(
        _line(file, read_event_filter(file))
        for file in array.files.values()
        if file.filter_text is not None
    )


def triggers_text(array: TraceArray) -> str:
    """``show_event_triggers``: a line for each trigger."""
    return "".join(
        _line(file, f"{trigger.described()}\n")
        for file in array.files.values()
        for trigger in file.triggers
    )


def _line(file: EventFile, text: str) -> str:
    name = f"{file.event.system}:{file.event.name}"
    return f"{name:<{_COLUMN - 1}} {text}"
