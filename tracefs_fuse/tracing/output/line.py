"""One event's line in the format that an instance's options ask for.

Modelled after print_trace_line() (kernel/trace/trace.c) and kernel/trace/trace_output.c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.events.ftrace import FtraceEntry, ShownEntry
from tracefs_fuse.tracing.field import RECORD_HEADER_SIZE
from tracefs_fuse.tracing.kallsyms import symbol
from tracefs_fuse.tracing.output.context import (
    Context,
    Timed,
    binary_context,
    context_of,
    hex_context,
    no_context,
    raw_context,
)
from tracefs_fuse.tracing.output.fields import fields_text_of
from tracefs_fuse.tracing.output.symbols import symbol_text_of
from tracefs_fuse.tracing.ring_buffer import Entry

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

Line = Callable[[Entry, int, int], str]
"""All of an event's text, as far as it fits: of the entry, its number in the listing, and the time
stamp of the entry behind it (its own for the last one)."""

_Body = Callable[[bytes], str]
"""The text of a record without its context."""

_BodyOf = Callable[["TraceArray", TraceEvent], _Body]

_Kind = tuple[Timed, _Body]
"""How records of a kind are shown."""

_TOO_BIG = "[LINE TOO BIG]\n"


def line_of(array: TraceArray, start: int, *, latency: bool) -> Line:
    """The instance's line, made anew when its options or the names of tasks change.

    start: trace clock when the buffer was last emptied.  latency: with the latency context.
    """
    options, cmdlines = array.options, array.tracing.cmdlines
    kind_of, made_at = _kinds(array, start, latency=latency), options.changes + cmdlines.changes
    kinds: dict[tuple[int, bytes], _Kind] = {}
    """By CPU and record header: few tasks have many events."""

    size = array.tracing.version.line_buffer_size

    def line(entry: Entry, number: int, next_stamp: int) -> str:
        nonlocal kind_of, made_at
        if (now := options.changes + cmdlines.changes) != made_at:
            kind_of, made_at = _kinds(array, start, latency=latency), now
            kinds.clear()
        stamp, record, cpu, lost = entry
        key = cpu, record[:RECORD_HEADER_SIZE]
        kind = kinds.get(key)
        if kind is None:
            kind = kinds[key] = kind_of(*key)
        timed, body = kind
        text = timed(stamp, number, next_stamp) + body(record)
        if lost:
            text = _lost_text(cpu, lost) + text
        return text if len(text) < size else _limited(text, size)

    return line


def _kinds(array: TraceArray, start: int, *, latency: bool) -> Callable[[int, bytes], _Kind]:
    """How records are shown, by their CPU and header."""
    tracing, options = array.tracing, array.options
    machine = next((format for format in _MACHINE_FORMATS if format in options), None)
    if machine is not None:
        context, body, unknown = _MACHINE_FORMATS[machine]
    else:
        context, unknown = context_of(array, start, latency=latency), "Unknown type {}\n"
        body = fields_text_of if "fields" in options else _text_of
    if "context-info" not in options:
        context = no_context
    messages_only = "printk-msg-only" in options and "trace_printk" in options

    def kind_of(cpu: int, header: bytes) -> _Kind:
        type_ = int.from_bytes(header[:2], "little")
        event = tracing.event_of_id(type_)
        if messages_only and event is tracing.ftrace_events["print"]:
            return no_context(cpu, header), _message_of(event)
        if event is None or type(event) is FtraceEntry:
            text = unknown.format(type_)
            return context(cpu, header), lambda record: text
        return context(cpu, header), body(array, event)

    return kind_of


# -- bodies --------------------------------------------------------------------------------------


def _text_of(array: TraceArray, event: TraceEvent) -> _Body:
    """trace_raw_output_*(): the name and what the event's print format makes of the fields."""
    if isinstance(event, ShownEntry):
        show, values, symbol_text = event.show, event.layout.values, symbol_text_of(array.options)
        return lambda record: show(values(record), symbol_text)
    hashed = "hash-ptr" in array.options
    pointer = array.tracing.pointer_text(hashed=hashed)
    render = event.render if hashed else event.render_unhashed
    if "verbose" in array.options:
        render = event.render_verbose
    return lambda record: render(record, pointer)


def _raw_of(array: TraceArray, event: TraceEvent) -> _Body:
    if isinstance(event, ShownEntry) and event.show_raw is not None:
        show, values = event.show_raw, event.layout.values
        return lambda record: show(values(record), symbol)
    return _type_of(array, event)


def _type_of(array: TraceArray, event: TraceEvent) -> _Body:
    """trace_nop_print(): what an event without an own function for the format shows."""
    return lambda record: f"type: {event.id}\n"


def _type_and_line_of(array: TraceArray, event: TraceEvent) -> _Body:
    return lambda record: f"type: {event.id}\n\n"


def _message_of(event: TraceEvent) -> _Body:
    """Of a marker only what was written."""
    values = event.layout.values

    def message(record: bytes) -> str:
        text: bytes = values(record)[1]
        return text.decode("latin-1")

    return message


_MACHINE_FORMATS: dict[str, tuple[Context, _BodyOf, str]] = {
    "bin": (binary_context, _type_of, ""),
    "hex": (hex_context, _type_and_line_of, "\n"),
    "raw": (raw_context, _raw_of, "{} ?\n"),
}
"""Formats for programs, by option, of which the first counts: what stands before a record, its
text, and that of one whose type no event has."""


# -- what a buffer makes of lines ----------------------------------------------------------------


def _lost_text(cpu: int, lost: int) -> str:
    """The line that stands before an event when others were overwritten before it."""
    return f"CPU:{cpu} [LOST {f'{lost} ' if lost > 0 else ''}EVENTS]\n"


def _limited(text: str, size: int) -> str:
    """As much of a line as fits into a line buffer of this size.

    Text that is printed at once fits as a whole or not at all: a byte in hexadecimal with the
    blank before it, which leaves no room for the mark, or a field with the blank behind it.
    """
    end = text.rindex(" ", 0, size)
    marked = text[: end + 1] + _TOO_BIG
    return marked if len(marked) < size else text[:end]
