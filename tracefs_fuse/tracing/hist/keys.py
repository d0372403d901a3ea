"""Keys as bytes: the kernel compares and looks up histogram keys in their binary form.

Modelled after add_to_key() (kernel/trace/trace_events_hist.c): each key starts at a multiple of
eight bytes; numbers are extended to 64 bits, strings and stacks are padded with zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from tracefs_fuse.tracing.field import U64, Kind
from tracefs_fuse.tracing.hist.field import F, HistField
from tracefs_fuse.tracing.hist.table import Key

_WORD = 8


class KeyForm(Enum):
    """How a key field is kept in the table."""

    SIGNED = "int, may be negative"
    UNSIGNED = "int of 64 bits"
    STRING = "bytes up to the NUL"
    ARRAY = "bytes, NULs among them"
    STACK = "tuple of addresses"


def form_of(key: HistField) -> KeyForm:
    """How the values of a key field are kept."""
    if F.STACKTRACE in key.flags:
        return KeyForm.STACK
    if F.STRING in key.flags:
        is_array = key.field is not None and key.field.kind is Kind.STATIC_STRING
        return KeyForm.ARRAY if is_array else KeyForm.STRING
    return KeyForm.SIGNED if is_plain_number(key) and key.signed else KeyForm.UNSIGNED


def is_plain_number(key: HistField) -> bool:
    """The value is the event's field as it is."""
    return key.field is not None and not key.operands and F.CPU not in key.flags


def array_size(key: HistField) -> int:
    """Bytes kept of a static string."""
    return key.size - 1 if key.field is None else min(key.field.size, key.size - 1)


def pack_key(key: Key, fields: Sequence[HistField]) -> bytes:
    """The binary form of a key."""
    parts = key if len(fields) > 1 else (key,)
    return b"".join(_pack(part, field) for part, field in zip(parts, fields, strict=True))


def _pack(part: Any, field: HistField) -> bytes:
    if isinstance(part, int):
        return (part & U64).to_bytes(_WORD, "little")
    if isinstance(part, tuple):
        part = struct.pack(f"<{len(part)}Q", *part)
    data: bytes = part
    return data.ljust(field.size, b"\0")


def unpack_key(data: bytes, fields: Sequence[HistField]) -> Key:
    """What :func:`pack_key` made the bytes from, or would have."""
    parts = []
    offset = 0
    for field in fields:
        parts.append(_unpack(data[offset : offset + field.size].ljust(field.size, b"\0"), field))
        offset += field.size
    return tuple(parts) if len(fields) > 1 else parts[0]


def _unpack(data: bytes, field: HistField) -> Any:
    form = form_of(field)
    if form is KeyForm.STRING:
        return data.rstrip(b"\0")
    if form is KeyForm.ARRAY:
        return data[: array_size(field)]
    if form is KeyForm.STACK:
        data = data.rstrip(b"\0")
        words = -(-len(data) // _WORD)
        return struct.unpack(f"<{words}Q", data.ljust(words * _WORD, b"\0"))
    return int.from_bytes(data[:_WORD], "little", signed=form is KeyForm.SIGNED)


def key_converter(
    fields: Sequence[HistField], others: Sequence[HistField]
) -> Callable[[Key], Key] | None:
    """What makes the key of one histogram that of another; None where they are the same."""
    if [(form_of(f), f.size) for f in fields] == [(form_of(f), f.size) for f in others]:
        return None
    return lambda key: unpack_key(pack_key(key, fields), others)
