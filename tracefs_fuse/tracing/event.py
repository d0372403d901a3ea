"""Registered trace events: fields, record layout, ``format``.

Modelled after struct trace_event_call (include/linux/trace_events.h) and the ``format`` file
(kernel/trace/trace_events.c: f_show()).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from tracefs_fuse.tracing.events import EventDefinition
from tracefs_fuse.tracing.field import (
    COMMON_FIELDS,
    GENERIC_FIELDS,
    RECORD_HEADER_SIZE,
    Field,
    Kind,
    lay_out,
)
from tracefs_fuse.tracing.print_fmt import Render, Values
from tracefs_fuse.tracing.versions import KernelVersion

_NUMBER_CODES = {(1, False): "B", (1, True): "b", (2, False): "H", (2, True): "h"}
_NUMBER_CODES |= {(4, False): "I", (4, True): "i", (8, False): "Q", (8, True): "q"}

HEADER_CODES = "HBBi"
"""struct codes of the common fields."""

COMMON = struct.Struct(f"<{HEADER_CODES}")


class Layout:
    """The binary layout of an event's records: packing and unpacking of the own fields."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        ends = [field.offset + field.size for field in fields]
        self.end = max(ends, default=RECORD_HEADER_SIZE)
        """Where the last fixed field ends, and dynamic data begin."""

        alignment = max((f.size for f in fields if f.kind is Kind.NUMBER), default=4)
        self.size = -(-self.end // alignment) * alignment
        """Size of the fixed part as a C struct."""

        codes, offset = f"<{HEADER_CODES}", RECORD_HEADER_SIZE
        for field in fields:
            codes += f"{field.offset - offset}x" + self._code(field)
            offset = field.offset + field.size
        self.struct = struct.Struct(codes)
        """Header and fixed fields in the order of their offsets."""

        self.dynamic = [i for i, f in enumerate(fields) if f.type.startswith("__data_loc")]

    @staticmethod
    def _code(field: Field) -> str:
        if field.type.startswith("__data_loc"):
            return f"I{field.size - 4}x"
        if field.kind is Kind.NUMBER:
            return _NUMBER_CODES[field.size, field.signed]
        return f"{field.size}s"

    def pack(self, header: tuple[int, int, int, int], values: Values) -> bytes:
        """A record from common fields and own values.

        Values are ints in range, or bytes: strings without their NUL, stacks as stored.
        """
        if not self.dynamic:
            return self.struct.pack(*header, *values).ljust(self.size, b"\0")
        fixed = list(values)
        tail = b""
        for index in self.dynamic:
            data = values[index]
            if self.fields[index].kind is Kind.DYNAMIC_STRING:
                data += b"\0"
            fixed[index] = len(data) << 16 | (self.end + len(tail))
            tail += data
        record = self.struct.pack(*header, *fixed) + tail
        return record.ljust(self.size + len(tail), b"\0")

    def unpack_all(self, record: bytes) -> list[Any]:
        """The common and own values of a record; static strings with all of their bytes."""
        values = list(self.struct.unpack_from(record))
        for index in self.dynamic:
            location = values[4 + index]
            start, length = location & 0xFFFF, location >> 16
            data = record[start : start + length]
            if self.fields[index].kind is Kind.DYNAMIC_STRING:
                data = data.partition(b"\0")[0]
            values[4 + index] = data
        return values

    def unpack(self, record: bytes) -> list[Any]:
        """The own values of a record, as :meth:`pack` takes them."""
        return self.unpack_all(record)[4:]

    def values(self, record: bytes) -> list[Any]:
        """The same of a record that may be too short, because its type was made up.

        It is taken to go on with zeroes.
        """
        return self.unpack(record.ljust(self.struct.size, b"\0"))

    def location_source(self, field: Field) -> tuple[str, frozenset[str]]:
        """The number that a dynamic field has in a record: its offset, and its length above that.

        Returns the source of the number, and the variables of fields that it is made from.
        """
        dynamic = [self.fields[i] for i in self.dynamic]
        before = dynamic[: dynamic.index(field)]
        lengths = [f"len({f.variable}) + {int(f.kind is Kind.DYNAMIC_STRING)}" for f in before]
        offset = " + ".join([str(self.end), *lengths])
        variables = frozenset(f.variable for f in [*before, field])
        return f"(len({field.variable}) << 16 | {offset})", variables

    @property
    def unpacker(self) -> Callable[[bytes], Values]:
        """The quickest that does what :meth:`unpack` does."""
        if self.dynamic or type(self).unpack_all is not Layout.unpack_all:
            return self.unpack
        own = self.struct.format.replace(HEADER_CODES, f"{RECORD_HEADER_SIZE}x", 1)
        return struct.Struct(own).unpack_from


class TraceEvent:
    """One registered event; the same in all instances."""

    def __init__(
        self,
        system: str,
        name: str,
        id: int,
        layout: Layout,
        print_fmt_text: str,
        render: Render,
        render_verbose: Render | None = None,
        render_unhashed: Render | None = None,
    ) -> None:
        self.system = system
        self.name = name
        self.id = id
        self.layout = layout
        self.fields = layout.fields
        self.print_fmt_text = print_fmt_text
        self.render = render
        self.render_verbose = render_verbose or render
        """What is used while the option verbose is on."""

        self.render_unhashed = render_unhashed or render
        """Makes the line while the option hash-ptr is off."""

        self.btf_ids: tuple[int, int] | None = None
        """See EventDefinition."""

        self._own = {field.name: field for field in reversed(self.fields)}

    @classmethod
    def defined(cls, definition: EventDefinition, version: KernelVersion) -> TraceEvent:
        """An event made from its definition."""
        layout = Layout(lay_out(definition.fields, char_is_unsigned=version.char_is_unsigned))
        fmt = definition.print_fmt
        event = cls(
            definition.system,
            definition.name,
            definition.id,
            layout,
            fmt.described(),
            fmt.renderer(definition.name, layout),
            render_unhashed=fmt.renderer(
                definition.name, layout, loses_string=version.unhashed_loses_string
            ),
        )
        event.btf_ids = definition.btf_ids
        return event

    def find_field(self, name: str) -> Field | None:
        """trace_find_event_field(): own fields first, then generic, then common ones."""
        if name in self._own:
            return self._own[name]
        if name in GENERIC_FIELDS:
            return GENERIC_FIELDS[name]
        return next((field for field in COMMON_FIELDS if field.name == name), None)

    def format_text(self) -> str:
        """The ``format`` file."""
        lines = [f"name: {self.name}", f"ID: {self.id}", "format:"]
        lines += [field.described() for field in COMMON_FIELDS]
        lines += ["", *(field.described() for field in self.fields), ""]
        return "\n".join([*lines, f"print fmt: {self.print_fmt_text}\n"])
