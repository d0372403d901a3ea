"""The ``filter`` files of an event and of a subsystem.

Modelled after event_filter_write(), apply_event_filter() and apply_subsystem_event_filter()
(kernel/trace/trace_events.c, kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.filter.errors import Fault, FilterError
from tracefs_fuse.tracing.filter.parser import Filter, parse_filter
from tracefs_fuse.tracing.filter.text import BLANKS, decoded, encoded
from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile

_PAGE_SIZE = 4096

SYSTEM_FILTER_TEXT = """\
### global filter ###
# Use this to set filters for multiple events.
# Only events with the given fields will be affected.
# If no events are modified, an error message will be displayed here
"""
"""The ``filter`` file of a subsystem, whatever was written to it."""


def create_event_filter(file: EventFile, text: str) -> Filter:
    """A filter for an event of an instance, whose error_log learns what is wrong with it."""
    tracing = file.array.tracing
    try:
        return parse_filter(file.event, text, tracing.version, tracing.cpu_count)
    except FilterError as error:
        error.log(file.array.error_log, text)
        raise


def read_event_filter(file: EventFile) -> str:
    """The ``filter`` file of an event."""
    return f"{'none' if file.filter_text is None else file.filter_text}\n"


def write_event_filter(file: EventFile, data: str) -> None:
    """Set the filter of an event, or remove it with ``0``.

    One that is refused leaves no filter: its text and fault are shown, and all events pass.
    """
    text = _command(data)
    if text is None:
        return
    if _removes(text):
        _set(file, None, None)
        return
    try:
        filter = create_event_filter(file, text)
    except FilterError as error:
        _set(file, None, error.file_text)
        raise
    _set(file, filter, filter.text)


def write_system_filter(files: Iterable[EventFile], data: str) -> None:
    """Set the filter of each event of a subsystem in an instance, or remove all with ``0``.

    Events that lack its fields lose their filter and say so; the write succeeds all the same.
    """
    text = _command(data)
    if text is None:
        return
    for file in files:
        if _removes(text):
            _set(file, None, None)
            continue
        tracing = file.array.tracing
        try:
            filter = parse_filter(file.event, text, tracing.version, tracing.cpu_count)
        except FilterError:
            error = FilterError(Fault.BAD_SUBSYS_FILTER, encoded(text))
            error.log(file.array.error_log, text)
            _set(file, None, error.file_text)
        else:
            _set(file, filter, filter.text)


def _command(data: str) -> str | None:
    """What a write says, without the blanks behind it; None for a write of nothing."""
    command = encoded(data)
    if len(command) >= _PAGE_SIZE:
        raise refuse(errno.EINVAL)
    return decoded(command.partition(b"\0")[0].rstrip(BLANKS)) if command else None


def _removes(text: str) -> bool:
    return encoded(text).lstrip(BLANKS) == b"0"


def _set(file: EventFile, filter: Filter | None, text: str | None) -> None:
    file.filter = filter
    file.filter_text = text
    file.changed()
