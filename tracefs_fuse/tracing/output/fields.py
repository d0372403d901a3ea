"""The option ``fields``: an event's fields by name, instead of its print format.

Modelled after print_event_fields() (kernel/trace/trace_output.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.events.ftrace import FtraceEntry
from tracefs_fuse.tracing.field import Field, Kind

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_PRINTABLE = frozenset([*range(0x20, 0x7F), *range(0xA0, 0x100)])
"""What the kernel takes for characters (lib/ctype.c): ASCII and Latin-1."""


def fields_text_of(array: TraceArray, event: TraceEvent) -> Callable[[bytes], str]:
    """What the option makes of an event's records."""
    if isinstance(event, FtraceEntry):
        return lambda record: f"UNKNOWN TYPE {event.id}\n"
    if not event.fields:
        return lambda record: f"{event.name}:No fields found\n"
    dotted = array.tracing.version.fields_dotted_strings
    shown = [(f" {field.name}=", _value_text(field, dotted)) for field in event.fields]
    values = event.layout.values

    def text(record: bytes) -> str:
        pairs = zip(shown, values(record), strict=True)
        return f"{event.name}:{''.join([name + show(value) for (name, show), value in pairs])}\n"

    return text


def _value_text(field: Field, dotted: bool) -> Callable[[Any], str]:
    """How values of a field are shown; dotted: see the version switch."""
    if field.kind is Kind.DYNAMIC_STRING:
        return _dotted if dotted else _string
    if field.kind is Kind.STATIC_STRING:
        return _string
    if field.kind is not Kind.NUMBER:
        return lambda value: "<INVALID-TYPE>"
    if field.size == 1:
        return _character
    mask = (1 << 8 * field.size) - 1
    sign = 0 if field.size == 2 else 1 << 8 * field.size - 1  # 16-bit values show as unsigned
    return lambda value: f"0x{value & mask:x} ({((value & mask) ^ sign) - sign})"


def _string(value: bytes) -> str:
    return value.partition(b"\0")[0].decode("latin-1")


def _dotted(value: bytes) -> str:
    """A string; with unprintable bytes in it as dots, and all bytes with the NUL behind it."""
    if all(byte in _PRINTABLE for byte in value):
        return value.decode("latin-1")
    value += b"\0"
    text = "".join(chr(byte) if byte in _PRINTABLE else "." for byte in value)
    return f"{text} ({value.hex(':')})"


def _character(value: int) -> str:
    value &= 0xFF
    return f"'{value:c}'({value})" if value in _PRINTABLE else f"({value})"
