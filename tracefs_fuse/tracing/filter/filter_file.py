"""The ``filter`` files of an event and of a subsystem.

Modelled after event_filter_write(), apply_event_filter() and apply_subsystem_event_filter()
(kernel/trace/trace_events.c, kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Protocol

from tracefs_fuse.tracing.error_log import ErrorLog
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.filter.errors import Fault, FilterError
from tracefs_fuse.tracing.filter.parser import Filter, parse_filter
from tracefs_fuse.tracing.filter.text import BLANKS, decoded, encoded
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.versions import KernelVersion

_PAGE_SIZE = 4096

SYSTEM_FILTER_TEXT = """\
### global filter ###
# Use this to set filters for multiple events.
# Only events with the given fields will be affected.
# If no events are modified, an error message will be displayed here
"""
"""The ``filter`` file of a subsystem, whatever was written to it."""


class _Tracing(Protocol):
    @property
    def version(self) -> KernelVersion: ...

    @property
    def cpu_count(self) -> int: ...


class _Array(Protocol):
    @property
    def error_log(self) -> ErrorLog: ...

    @property
    def tracing(self) -> _Tracing: ...


class FilteredFile(Protocol):
    """What filters need of an event in an instance."""

    @property
    def event(self) -> TraceEvent: ...

    @property
    def array(self) -> _Array: ...

    filter: Filter | None
    filter_text: str | None
    """What the ``filter`` file shows, without the file's own newline; None for no filter."""

    def changed(self) -> None:
        """The filter did."""


def create_event_filter(file: FilteredFile, text: str, *, logged: bool = True) -> Filter:
    """A filter for an event of an instance.

    logged: whether the instance's error_log learns what is wrong with it.
    """
    tracing = file.array.tracing
    try:
        return parse_filter(file.event, text, tracing.version, tracing.cpu_count)
    except FilterError as error:
        if logged:
            error.log(file.array.error_log, text)
        raise


def create_trigger_filter(file: FilteredFile, condition: str | None) -> Filter | None:
    """The filter of a trigger: what stands behind its ``if``, if there is one."""
    if condition is None:
        return None
    logged = file.array.tracing.version.trigger_filter_error_logged
    return create_event_filter(file, condition, logged=logged)


def read_event_filter(file: FilteredFile) -> str:
    """The ``filter`` file of an event."""
    return f"{'none' if file.filter_text is None else file.filter_text}\n"


def write_event_filter(file: FilteredFile, data: str) -> None:
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
        _set(file, None, error.file_text(file.array.tracing.version.line_buffer_size))
        raise
    _set(file, filter, filter.text)


def write_system_filter(files: Iterable[FilteredFile], data: str) -> None:
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
            _set(file, None, error.file_text(tracing.version.line_buffer_size))
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


def _set(file: FilteredFile, filter: Filter | None, text: str | None) -> None:
    file.filter = filter
    file.filter_text = text
    file.changed()
