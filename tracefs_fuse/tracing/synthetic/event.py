"""Synthetic events as registered events: layout, printing, firing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from tracefs_fuse.tracing.event import HEADER_CODES, Layout, TraceEvent
from tracefs_fuse.tracing.field import RECORD_HEADER_SIZE, Field, Kind
from tracefs_fuse.tracing.gfp import gfp_text
from tracefs_fuse.tracing.kallsyms import symbol
from tracefs_fuse.tracing.print_fmt import Values
from tracefs_fuse.tracing.synthetic.command import FieldDefinition

_ACCESSOR = {Kind.DYNAMIC_STRING: "__get_str({})", Kind.STACK: "__get_stacktrace({})"}
_MAX_STRING = 255
_ADDRESS_SIZE = 8


class SyntheticLayout(Layout):
    """Slots of eight bytes, 256 for a static string; dynamic data behind the last slot."""

    def __init__(self, fields: Sequence[Field], slots: Sequence[int]) -> None:
        super().__init__(fields)
        self.end = self.size = RECORD_HEADER_SIZE + sum(slots)
        codes = "".join(
            f"{slot}s"
            if field.kind is Kind.STATIC_STRING
            else f"{self._code(field)}{slot - field.size}x"
            for field, slot in zip(fields, slots, strict=True)
        )
        self.struct = struct.Struct(f"<{HEADER_CODES}{codes}")

    def fitted(self, values: Values) -> list[Any]:
        """Values of any range as the fields store them."""
        return [_fitted(f, value) for f, value in zip(self.fields, values, strict=True)]


def _fitted(field: Field, value: Any) -> Any:
    if field.kind is Kind.NUMBER:
        bits = 8 * field.size
        value &= (1 << bits) - 1
        return value - (value >> (bits - 1) << bits) if field.signed else value
    if field.kind is Kind.STACK:
        return b"".join(number.to_bytes(_ADDRESS_SIZE, "little") for number in (len(value), *value))
    return value[:_MAX_STRING]


class SyntheticEvent(TraceEvent):
    """An event that a user defined."""

    def __init__(
        self, name: str, id: int, definitions: Sequence[FieldDefinition], separator: str
    ) -> None:
        """separator: what stands between the fields in ``format``'s print fmt."""
        self.definitions = tuple(definitions)
        self.references = 0
        """Histogram actions that generate it, and histograms on it."""

        fields, offset = [], RECORD_HEADER_SIZE
        for definition in definitions:
            type_ = definition.type
            array = 0 if type_.kind is Kind.STATIC_STRING else None
            fields.append(
                Field(
                    type_.text,
                    definition.name,
                    offset,
                    type_.size,
                    type_.signed,
                    type_.kind,
                    f"f_{definition.name}",
                    array,
                )
            )
            offset += type_.slot
        formats = separator.join(f"{d.name}={d.type.fmt}" for d in definitions)
        arguments = "".join(
            f", {_ACCESSOR.get(d.type.kind, 'REC->{}').format(d.name)}" for d in definitions
        )
        layout = SyntheticLayout(fields, [d.type.slot for d in definitions])
        super().__init__(
            "synthetic",
            name,
            id,
            layout,
            f'"{formats}"{arguments}',
            lambda record, pointer: self._line(record, verbose=False),
            lambda record, pointer: self._line(record, verbose=True),
        )

    def _line(self, record: bytes, *, verbose: bool) -> str:
        """verbose: each field has its conversion before it."""
        values = self.layout.values(record)
        texts = [
            self._value_text(d, value) for d, value in zip(self.definitions, values, strict=True)
        ]
        parts = []
        for position, (definition, text) in enumerate(zip(self.definitions, texts, strict=True)):
            last = position == len(texts) - 1
            separator = "" if last or definition.type.kind is Kind.STACK else " "
            if verbose:
                parts.append(f"{definition.type.fmt} ")
            if definition.type.text == "gfp_t":
                parts.append(f"{definition.name}={text}{separator} ({gfp_text(values[position])})")
            else:
                parts.append(f"{definition.name}={text}{separator}")
        return f"{self.name}: {''.join(parts)}\n"

    @staticmethod
    def _value_text(definition: FieldDefinition, value: Any) -> str:
        type_ = definition.type
        if type_.kind is Kind.STACK:
            addresses = struct.unpack(f"<{len(value) // _ADDRESS_SIZE}Q", value)[1:]
            return "STACK:\n" + "".join(f"=> {symbol(address)}\n" for address in addresses)
        if type_.kind is not Kind.NUMBER:
            return str(value.partition(b"\0")[0].decode("latin-1"))
        if type_.size <= 2:  # small values are read as unsigned, whatever their type
            value &= (1 << 8 * type_.size) - 1
        return f"{value:x}" if type_.fmt == "%x" else str(value)

    def listed(self) -> str:
        """The event's line in ``synthetic_events``."""
        fields = "; ".join(f"{d.type.listed} {d.name}" for d in self.definitions)
        return f"{self.name}\t{fields}\n"

    def record(self, pid: int, preempt_count: int, values: Values) -> bytes:
        """A record of values of any range, in the order of the fields.

        Values: int, bytes for strings, a sequence of addresses for stacks.
        """
        header = (self.id, 0, preempt_count, pid)
        return self.layout.pack(header, self.layout.fitted(values))

    layout: SyntheticLayout
