"""One event's line in the format that an instance's options ask for.

Modelled after print_trace_line() (kernel/trace/trace.c) and kernel/trace/trace_output.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.event import COMMON, TraceEvent
from tracefs_fuse.tracing.events.ftrace import FtraceEntry, ShownEntry
from tracefs_fuse.tracing.kallsyms import symbol
from tracefs_fuse.tracing.output.context import Context, context_of
from tracefs_fuse.tracing.output.fields import fields_text_of
from tracefs_fuse.tracing.output.record import values_of
from tracefs_fuse.tracing.output.symbols import symbol_text_of
from tracefs_fuse.tracing.ring_buffer import Entry

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

Line = Callable[[Entry, int, int], str]
"""All of an event's text: of the entry, its number in the listing, and the time stamp of
the entry behind it (its own for the last one)."""

_Body = Callable[[bytes], str]
"""The text of a record without its context."""

_BINARY = struct.Struct("<iiQ")
_U32 = (1 << 32) - 1
_TOO_BIG = "[LINE TOO BIG]\n"


def line_of(array: TraceArray, start: int, *, latency: bool) -> Line:
    """The instance's line, made once for its present options; see :func:`limited` for its length.

    start: trace clock when the buffer was last emptied.  latency: with the latency context.
    """
    options = array.options
    if "bin" in options:
        line = _machine_line(array, _binary_context, _body(array, _type_of, _nothing))
    elif "hex" in options:
        body = _body(array, _type_of, _nothing)
        line = _machine_line(array, _hex_context, lambda record: body(record) + "\n")
    elif "raw" in options:
        line = _machine_line(array, _raw_context, _body(array, _raw_of, _raw_unknown))
    else:
        text_of = fields_text_of if "fields" in options else _text_of
        context = context_of(array, start, latency=latency)
        line = _line(context, _body(array, text_of, _unknown))
    if "printk-msg-only" in options and "trace_printk" in options:
        line = _messages_only(array, line)
    return line


# -- bodies --------------------------------------------------------------------------------------


def _body(
    array: TraceArray,
    of_event: Callable[[TraceArray, TraceEvent], _Body],
    unknown: Callable[[int], str],
) -> _Body:
    """A record's text by the type it starts with.

    unknown: the text for a type that no event has.
    """
    bodies: dict[bytes, _Body] = {}

    def body(record: bytes) -> str:
        of_record = bodies.get(record[:2])
        if of_record is None:
            type_ = int.from_bytes(record[:2], "little")
            event = array.tracing.event_of_id(type_)
            if event is None or type(event) is FtraceEntry:
                return unknown(type_)
            of_record = bodies[record[:2]] = of_event(array, event)
        return of_record(record)

    return body


def _text_of(array: TraceArray, event: TraceEvent) -> _Body:
    """trace_raw_output_*(): the name and what the event's print format makes of the fields."""
    values = values_of(event)
    if isinstance(event, ShownEntry):
        show, symbol_text = event.show, symbol_text_of(array.options)
        return lambda record: show(values(record), symbol_text)
    name, pointer = event.name, array.tracing.pointer_text(hashed="hash-ptr" in array.options)
    render = event.render_verbose if "verbose" in array.options else event.render
    return lambda record: f"{name}: {render(values(record), pointer)}\n"


def _raw_of(array: TraceArray, event: TraceEvent) -> _Body:
    if isinstance(event, ShownEntry) and event.show_raw is not None:
        show, values = event.show_raw, values_of(event)
        return lambda record: show(values(record), symbol)
    return _type_of(array, event)


def _type_of(array: TraceArray, event: TraceEvent) -> _Body:
    """trace_nop_print(): what an event without an own function for the format shows."""
    return lambda record: f"type: {event.id}\n"


def _unknown(type_: int) -> str:
    return f"Unknown type {type_}\n"


def _raw_unknown(type_: int) -> str:
    return f"{type_} ?\n"


def _nothing(type_: int) -> str:
    return ""


# -- lines ---------------------------------------------------------------------------------------


def _line(context: Context, body: _Body) -> Line:
    return lambda entry, number, next_stamp: context(entry, number, next_stamp) + body(entry.record)


def _machine_line(array: TraceArray, context: Callable[[int, Entry], str], body: _Body) -> Line:
    """A line of a format for programs: only pid, CPU and time stamp before the text."""
    if "context-info" not in array.options:
        return lambda entry, number, next_stamp: body(entry.record)

    def line(entry: Entry, number: int, next_stamp: int) -> str:
        pid: int = COMMON.unpack_from(entry.record)[3]
        return context(pid, entry) + body(entry.record)

    return line


def _binary_context(pid: int, entry: Entry) -> str:
    return _BINARY.pack(pid, entry.cpu, entry.time_stamp).decode("latin-1")


def _hex_context(pid: int, entry: Entry) -> str:
    return f"{pid & _U32:08x} {entry.cpu:08x} {entry.time_stamp:016x} "


def _raw_context(pid: int, entry: Entry) -> str:
    return f"{pid} {entry.cpu} {entry.time_stamp} "


def _messages_only(array: TraceArray, line: Line) -> Line:
    """Of a marker only what was written."""
    entry_type = array.tracing.ftrace_events["print"]
    unpack = entry_type.layout.unpack

    def message_line(entry: Entry, number: int, next_stamp: int) -> str:
        if int.from_bytes(entry.record[:2], "little") != entry_type.id:
            return line(entry, number, next_stamp)
        text: bytes = unpack(entry.record)[1]
        return text.decode("latin-1")

    return message_line


def lost_text(entry: Entry) -> str:
    """The line that stands before an event when others were overwritten before it."""
    if not entry.lost:
        return ""
    return f"CPU:{entry.cpu} [LOST {f'{entry.lost} ' if entry.lost > 0 else ''}EVENTS]\n"


def limited(text: str, size: int) -> str:
    """A line as far as it fits into a line buffer of this size.

    Text that is printed at once fits as a whole or not at all: a byte in hexadecimal with the
    blank before it, which leaves no room for the mark, or a field with the blank behind it.
    """
    if len(text) < size:
        return text
    end = text.rindex(" ", 0, size)
    marked = text[: end + 1] + _TOO_BIG
    return marked if len(marked) < size else text[:end]
