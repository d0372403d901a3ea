"""The ``inject`` file of an event: a record made from text.

Modelled after kernel/trace/trace_events_inject.c.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.event import COMMON, TraceEvent
from tracefs_fuse.tracing.field import COMMON_FIELDS, Field, Kind
from tracefs_fuse.tracing.numbers import parse_signed, parse_unsigned, refuse
from tracefs_fuse.tracing.source import TaskLike

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile

MAX_COMMAND = 4096
_MAX_STRING = 256

_NAME = re.compile(f"[{BLANKS}]*([A-Za-z0-9_]*)")
_EQUALS = re.compile(f"[{BLANKS}]*=[{BLANKS}]*")
_NUMBER = re.compile(r"-?[A-Za-z0-9]+")
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1).)*)\1""", re.S)


def write_inject(file: EventFile, task: TaskLike, data: str) -> None:
    """Make a record of one command and let the event happen with it."""
    if not data:
        return
    if len(data) >= MAX_COMMAND:
        raise refuse(errno.EINVAL)
    file.inject(task, record_of(file.event, task, data.strip(BLANKS)))


def record_of(event: TraceEvent, task: TaskLike, text: str) -> bytes:
    """The record that ``field=value ...`` describes; fields that are not named are 0 or empty.

    Raises ENOENT for an unknown field, EINVAL for a wrong value, ERANGE for one over 64 bits.
    """
    end = event.layout.end
    record = bytearray(end + 1)
    COMMON.pack_into(record, 0, event.id, 0, 0, task.pid)
    for field in event.fields:
        if field.kind is Kind.DYNAMIC_STRING:  # is the record's last byte, which is 0
            record[field.offset : field.offset + 4] = (1 << 16 | end).to_bytes(4, "little")
    position = 0
    while position < len(text):
        field, position = _field(event, text, position)
        value, position = _value(field, text, position)
        if isinstance(value, int):
            mask = (1 << 8 * field.size) - 1
            data = (value & mask).to_bytes(field.size, "little")
        elif field.kind is Kind.DYNAMIC_STRING:
            data = (len(value) + 1 << 16 | len(record)).to_bytes(4, "little")
            record += value + b"\0"
        else:
            data = value[: field.size - 1].ljust(field.size, b"\0")
        record[field.offset : field.offset + len(data)] = data
    return bytes(record)


def _field(event: TraceEvent, text: str, position: int) -> tuple[Field, int]:
    """The field that is assigned at a position, and where its value starts."""
    name = _NAME.match(text, position)
    assert name is not None
    if not name[1]:
        raise refuse(errno.EINVAL)
    found = [f for f in (*event.fields, *COMMON_FIELDS) if f.name == name[1]]
    if not found:
        raise refuse(errno.ENOENT)
    equals = _EQUALS.match(text, name.end())
    if equals is None or equals.end() == len(text):
        raise refuse(errno.EINVAL)
    return found[0], equals.end()


def _value(field: Field, text: str, position: int) -> tuple[int | bytes, int]:
    """The value at a position as the field takes it, and where it ends."""
    is_string = field.kind in (Kind.DYNAMIC_STRING, Kind.STATIC_STRING)
    if quoted := _QUOTED.match(text, position):
        if not is_string or len(quoted[2]) >= _MAX_STRING:
            raise refuse(errno.EINVAL)
        return quoted[2].encode("latin-1"), quoted.end()
    number = _NUMBER.match(text, position)
    if number is None or is_string or field.kind is not Kind.NUMBER:
        raise refuse(errno.EINVAL)
    if number.end() < len(text) and text[number.end()] not in BLANKS:
        raise refuse(errno.EINVAL)
    parse = parse_signed if field.signed else parse_unsigned
    return parse(number[0], base0=True), number.end()
