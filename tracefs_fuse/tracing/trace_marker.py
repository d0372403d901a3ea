"""Text in a trace: what is written to ``trace_marker`` and ``trace_marker_raw``, and what the
kernel itself has to say.

Modelled after tracing_mark_write(), tracing_mark_raw_write() and trace_array_puts()
(kernel/trace/trace.c).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.event import COMMON
from tracefs_fuse.tracing.kallsyms import MARKER_ADDRESS, SNAPSHOT_ADDRESS
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.source import TaskLike

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_TEXT_OFFSET = 16
"""Bytes of record header and address."""

_TEXT_END = 2
"""Room for a newline and a NUL."""

_EVENT_HEADER_SIZE = 8
_RAW_ID_SIZE = 4
_NOT_ALLOCATED = (b"*** SNAPSHOT NOT ALLOCATED ***\n", b"*** stopping trace here!   ***\n")


def write_marker(array: TraceArray, task: TaskLike, data: bytes) -> int:
    """Record text; returns how many bytes of it were taken.

    Raises EINVAL when markers are off, EBADF when it can't be recorded, ENODEV when no instance
    wants it.
    """
    if "markers" not in array.options:
        raise refuse(errno.EINVAL)
    return max(_mark(target, task, data) for target in _targets(array))


def _targets(array: TraceArray) -> list[TraceArray]:
    """The instances that a marker written to this one goes to: the top level comes last."""
    if array.name or not array.tracing.version.has_copy_trace_marker:
        return [array]
    targets = [a for a in array.tracing.arrays() if "copy_trace_marker" in a.options]
    if not targets:
        raise refuse(errno.ENODEV)
    return targets[::-1]


def _mark(array: TraceArray, task: TaskLike, data: bytes) -> int:
    room = array.buffer.cpus[task.cpu].data_size - _EVENT_HEADER_SIZE - _TEXT_OFFSET - _TEXT_END
    text = data[: min(array.tracing.version.marker_max, room)]
    event = array.print_file.event
    header = (event.id, 0, array.tracing.version.marker_preempt_count, task.pid)
    address = MARKER_ADDRESS[array.tracing.version.name]
    record = event.layout.pack(header, (address, text))
    line = text if text.endswith(b"\n") else text + b"\n"
    size = _TEXT_OFFSET + max(len(text), array.tracing.version.marker_min_text) + _TEXT_END
    finished = event.layout.pack(header, (address, line)).ljust(size, b"\0")
    if not array.print_file.mark(task, record, finished):
        raise refuse(errno.EBADF)
    return len(text)


def write_marker_raw(array: TraceArray, task: TaskLike, data: bytes) -> int:
    """Record binary data: four bytes of id, then what belongs to it; returns the bytes taken.

    Raises like :func:`write_marker`, and EINVAL for too little or too much.
    """
    version = array.tracing.version
    if "markers" not in array.options or not _RAW_ID_SIZE <= len(data) <= version.marker_raw_max:
        raise refuse(errno.EINVAL)
    return max(_mark_raw(target, task, data[: version.marker_max]) for target in _targets(array))


def _mark_raw(array: TraceArray, task: TaskLike, data: bytes) -> int:
    version = array.tracing.version
    event = array.tracing.ftrace_events["raw_data"]
    header = COMMON.pack(event.id, 0, version.marker_preempt_count, task.pid)
    room = max(len(data), version.marker_raw_min) + version.marker_raw_extra
    if len(header) + room > array.buffer.cpus[task.cpu].data_size - _EVENT_HEADER_SIZE:
        raise refuse(errno.EINVAL)
    if not array.record(task, header + data.ljust(room, b"\0"), array.clock.read()):
        raise refuse(errno.EBADF)
    return len(data)


def refuse_snapshot(array: TraceArray, task: TaskLike) -> None:
    """A snapshot was asked for without a buffer to take it: say so, and stop tracing."""
    version, event = array.tracing.version, array.print_file.event
    header = (event.id, 0, version.marker_preempt_count + 1, task.pid)
    for text in _NOT_ALLOCATED if "trace_printk" in array.options else ():
        record = event.layout.pack(header, (SNAPSHOT_ADDRESS[version.name], text))
        size = _TEXT_OFFSET + len(text) + _TEXT_END
        array.record(task, record.ljust(size, b"\0"), array.clock.read())
    array.tracing_on = False
