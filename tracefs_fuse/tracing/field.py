"""Fields of trace events: type text, place in the record, and what a filter or histogram may do.

Modelled after struct ftrace_event_field and filter_assign_type()
(kernel/trace/trace.h, kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

U64 = (1 << 64) - 1


class Kind(Enum):
    """What a field's value is, decided from the text of its C type."""

    NUMBER = "number"
    STATIC_STRING = "static string"
    DYNAMIC_STRING = "dynamic string"
    STACK = "stack"
    OTHER = "other"
    """Of a size that can't be compared: never matches, no histogram key."""

    COMM = "comm"
    """Generic: name of the current task."""

    CPU = "cpu"
    """Generic: number of the current CPU."""

    STACKTRACE = "stacktrace"
    """Generic: the kernel stack at the event."""


STRINGS = frozenset({Kind.STATIC_STRING, Kind.DYNAMIC_STRING, Kind.COMM})


@dataclass(frozen=True)
class Field:
    """One field of an event's record; offset and size in bytes from the start of the record."""

    type: str
    name: str
    offset: int
    size: int
    signed: bool
    kind: Kind
    variable: str
    """Name of the Python variable that holds its value in composed code: an int in the range of
    the C type, or bytes: a dynamic string without its NUL, a static one with all of its bytes."""

    array_length: int | None = None
    """Elements of a static array whose length ``format`` shows; 0 shows ``[]``."""

    def described(self) -> str:
        """The field's line in ``format``, without its newline."""
        declaration = f"{self.type} {self.name}"
        if self.array_length is not None and not self.type.startswith("__data_loc"):
            base = self.type.partition("[")[0]
            declaration = f"{base} {self.name}[{self.array_length or ''}]"
        return (
            f"\tfield:{declaration};\toffset:{self.offset};"
            f"\tsize:{self.size};\tsigned:{int(self.signed)};"
        )


COMMON_FIELDS = tuple(
    Field(type_, name, offset, size, signed, Kind.NUMBER, name)
    for type_, name, offset, size, signed in (
        ("unsigned short", "common_type", 0, 2, False),
        ("unsigned char", "common_flags", 2, 1, False),
        ("unsigned char", "common_preempt_count", 3, 1, False),
        ("int", "common_pid", 4, 4, True),
    )
)
"""struct trace_entry, at the start of each record."""

RECORD_HEADER_SIZE = 8

GENERIC_FIELDS = {
    name: Field(type_, name, 0, size, kind is Kind.CPU, kind, variable)
    for name, type_, size, kind, variable in (
        ("CPU", "int", 4, Kind.CPU, "cpu"),
        ("cpu", "int", 4, Kind.CPU, "cpu"),
        ("common_cpu", "int", 4, Kind.CPU, "cpu"),
        ("COMM", "char *", 8, Kind.COMM, "comm"),
        ("comm", "char *", 8, Kind.COMM, "comm"),
        ("stacktrace", "char *", 8, Kind.STACKTRACE, "stack"),
        ("STACKTRACE", "char *", 8, Kind.STACKTRACE, "stack"),
    )
}
"""Fields that every event has without recording them; ``comm`` is bytes, at most 15."""

_SIZES = {
    "bool": (1, False),
    "char": (1, True),
    "unsigned char": (1, False),
    "short": (2, True),
    "unsigned short": (2, False),
    "int": (4, True),
    "unsigned int": (4, False),
    "long": (8, True),
    "unsigned long": (8, False),
}


def kind_of(type_: str, size: int) -> Kind:
    """The kind of a field of this type text and size."""
    if type_.startswith("__data_loc"):
        if "char" in type_:
            return Kind.DYNAMIC_STRING
        return Kind.STACK if "long" in type_ else Kind.OTHER
    if "[" in type_ and "char" in type_:
        return Kind.STATIC_STRING
    return Kind.NUMBER if size in (1, 2, 4, 8) else Kind.OTHER


def lay_out(declarations: Sequence[tuple[str, str]], *, char_is_unsigned: bool) -> list[Field]:
    """Fields with natural alignment behind the record header, as a compiler places them.

    declarations: pairs of C type and name; ``__data_loc char[]`` is a dynamic string.
    """
    fields = []
    offset = RECORD_HEADER_SIZE
    for type_, name in declarations:
        if type_.startswith("__data_loc"):
            size, signed = 4, not char_is_unsigned
        elif type_.endswith("*"):
            size, signed = 8, False
        else:
            size, signed = _SIZES[type_]
        offset = (offset + size - 1) // size * size
        kind = kind_of(type_, size)
        fields.append(Field(type_, name, offset, size, signed, kind, f"f_{name}"))
        offset += size
    return fields
