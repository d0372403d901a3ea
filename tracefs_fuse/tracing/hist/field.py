"""Fields of a histogram: keys, values and variables, with their modifiers.

Modelled after struct hist_field, parse_field() and create_hist_field()
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from dataclasses import field as attribute
from enum import Flag, auto
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.field import Field, Kind
from tracefs_fuse.tracing.hist.errors import HistError, HistLog
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.versions import KernelVersion

if TYPE_CHECKING:
    from tracefs_fuse.tracing.hist.histogram import Histogram

MAX_STRING = 256
"""Size of a string as key or variable, with its NUL."""


class FieldFlag(Flag):
    """What a field is and how it is shown (HIST_FIELD_FL_...)."""

    NONE = 0
    KEY = auto()
    VARIABLE = auto()
    HITCOUNT = auto()
    TIMESTAMP = auto()
    CPU = auto()
    COMM = auto()
    STACKTRACE = auto()
    STRING = auto()
    CONSTANT = auto()
    REFERENCE = auto()
    """A variable's value."""

    ALIAS = auto()
    """A variable that is a reference."""

    EXPRESSION = auto()
    HEX = auto()
    SYM = auto()
    SYM_OFFSET = auto()
    EXECNAME = auto()
    SYSCALL = auto()
    LOG2 = auto()
    BUCKETS = auto()
    USECS = auto()
    PERCENT = auto()
    GRAPH = auto()


F = FieldFlag

_MODIFIERS = {
    "hex": F.HEX,
    "sym": F.SYM,
    "symXoffset": F.SYM_OFFSET,
    "syscall": F.SYSCALL,
    "stacktrace": F.STACKTRACE,
    "log2": F.LOG2,
    "usecs": F.USECS,
}
_BY_PREFIX = {"percent": F.PERCENT, "graph": F.GRAPH}
"""Modifiers of values, which may have anything behind them."""

_SHOWN = (
    (F.HEX, "hex"),
    (F.SYM, "sym"),
    (F.SYM_OFFSET, "sym-offset"),
    (F.EXECNAME, "execname"),
    (F.SYSCALL, "syscall"),
    (F.LOG2, "log2"),
    (F.BUCKETS, "buckets"),
    (F.USECS, "usecs"),
    (F.PERCENT, "percent"),
    (F.GRAPH, "graph"),
    (F.STACKTRACE, "stacktrace"),
)
"""The one modifier that is shown is the first of these that is set."""

NOT_ON_VARIABLES = F.GRAPH | F.PERCENT | F.BUCKETS | F.LOG2
NOT_ON_VALUES = F.BUCKETS | F.LOG2 | F.SYM | F.SYM_OFFSET | F.SYSCALL | F.STACKTRACE

_SPECIAL = {
    "common_timestamp": F.TIMESTAMP,
    "common_stacktrace": F.STACKTRACE,
    "common_cpu": F.CPU,
    "common_comm": F.COMM,
    "hitcount": F.HITCOUNT,
}
_GENERIC = {Kind.CPU: "common_cpu", Kind.STACKTRACE: "common_stacktrace", Kind.COMM: "common_comm"}
"""What a field that every event has is a short name for."""

_STACK_KEY = "stacktrace"
"""As a key it is understood by versions that have no other stack field, too."""

_COMM_FIELD = Field("char[]", "common_comm", 0, MAX_STRING, False, Kind.COMM, "comm")


@dataclass(eq=False)
class HistField:
    """A key, a value, a variable, or an operand of one of these."""

    flags: FieldFlag
    type: str = "u64"
    size: int = 8
    """Bytes; of a key: rounded up to 8."""

    signed: bool = False
    field: Field | None = None
    """The event's field that it shows."""

    variable: str | None = None
    """The variable that it defines."""

    name: str = ""
    """Text of an expression, variable of a reference, or the key ``stacktrace`` of 6.1."""

    qualifier: str = ""
    """``system.event.`` of a reference that was written with them."""

    operator: str = ""
    operands: tuple[HistField, ...] = ()
    constant: int = 0
    buckets: int = 0
    slot: int = 0
    """Where the value is in an entry of the table; for a reference: of the owner's table."""

    owner: Histogram | None = None
    """The histogram whose variable is referred to."""

    read_once: bool = attribute(default=False)
    """Reading the variable through this reference unsets it."""

    def plain_name(self) -> str:
        """hist_field_name(): without modifier."""
        if self.field is not None:
            return self.field.name
        if self.flags & (F.ALIAS | F.LOG2 | F.BUCKETS):
            return self.operands[0].plain_name() if self.operands else ""
        if self.flags & (F.EXPRESSION | F.REFERENCE):
            return self.qualifier + self.name
        if F.STACKTRACE in self.flags and self.name:
            return ""  # the key of a kernel that knows stacks as keys alone has no name to sort by
        for flag, name in _NAMES_WITHOUT_FIELD:
            if flag in self.flags:
                return name
        return ""

    def modifier(self) -> str:
        """``.MODIFIER``, or nothing."""
        return next((f".{name}" for flag, name in _SHOWN if flag in self.flags), "")

    def described(self, version: KernelVersion) -> str:
        """hist_field_print(): the field in the read-back of its trigger."""
        flags = self.flags
        text = f"{self.variable}=" if self.variable is not None else ""
        if F.CPU in flags:
            text += "common_cpu"
            if version.hist_cpu_name_doubled:
                text += self.plain_name()
        elif F.COMM in flags:
            text += "common_comm"
        elif F.CONSTANT in flags:
            text += str(self.constant)
        elif flags & (F.REFERENCE | F.ALIAS):
            text += self.reference_text(version)
        else:
            text += self.plain_name()
        if not flags & (F.REFERENCE | F.EXPRESSION | F.STACKTRACE):
            text += self.modifier()
        signed = self.buckets - (self.buckets >> 63 << 64)
        return f"{text}={signed}" if self.buckets else text

    def described_key(self, version: KernelVersion) -> str:
        """The field in the list of keys."""
        if F.STACKTRACE not in self.flags:
            return self.described(version)
        if self.field is not None:
            return f"{self.field.name}.stacktrace"
        return self.name or "common_stacktrace"

    def reference_text(self, version: KernelVersion) -> str:
        """A reference as it is written."""
        reference = self.operands[0] if F.ALIAS in self.flags else self
        if version.hist_reference_dollar:
            return f"{reference.qualifier}${reference.name}"
        return f"${reference.qualifier}{reference.name}"

    def operand_text(self, version: KernelVersion) -> str:
        """expr_field_str(): the field inside of an expression's text."""
        if F.REFERENCE in self.flags:
            return self.reference_text(version)
        if F.CONSTANT in self.flags:
            return str(self.constant)
        text = self.plain_name() + self.modifier()
        if self.buckets and version.hist_expression_shows_buckets:
            text += f"={self.buckets}"
        return text


_NAMES_WITHOUT_FIELD = (
    (F.CPU, "common_cpu"),
    (F.TIMESTAMP, "common_timestamp"),
    (F.STACKTRACE, "common_stacktrace"),
    (F.HITCOUNT, "hitcount"),
)


def hitcount() -> HistField:
    """create_hitcount_val(): the value that each histogram has."""
    return HistField(F.HITCOUNT)


def parse_field(
    text: str, flags: FieldFlag, event: TraceEvent, version: KernelVersion, log: HistLog
) -> HistField:
    """``NAME[.MODIFIER]``; raises OSError for what is unknown or does not fit.

    flags: KEY or VARIABLE, which allow other modifiers than a value.
    """
    name, dot, modifier = text.partition(".")
    buckets = 0
    if dot:
        more, buckets = _parse_modifier(name, modifier, flags, version, log)
        flags |= more
    field = event.find_field(name)
    special = name
    if name not in _SPECIAL and field is not None:
        special = _GENERIC.get(field.kind, "")
    if special in version.hist_special_fields:
        flags |= _SPECIAL[special] | (F.STRING if special == "common_comm" else F.NONE)
        field = _special_field(name, special, field, flags, version)
        if version.hist_stacktrace_of_any:
            if text == _STACK_KEY and F.KEY in flags:
                field = None
        elif field is None and dot and F.STACKTRACE in more:
            raise log.refused(HistError.BAD_FIELD_MODIFIER, text)
    elif text == _STACK_KEY and F.KEY in flags and special:
        return HistField(flags | F.STACKTRACE, name=_STACK_KEY)
    elif field is None or special or not field.size:
        raise log.refused(HistError.FIELD_NOT_FOUND, name)
    return _create(flags, field, text, buckets, version, log)


def _special_field(
    name: str, special: str, field: Field | None, flags: FieldFlag, version: KernelVersion
) -> Field | None:
    """The field whose name is shown for one that every event has; None for the special name."""
    if F.COMM in flags:
        return _COMM_FIELD if name == special else field
    if F.CPU in flags:
        return field if name != special or version.hist_cpu_name_doubled else None
    return field if name != special and version.hist_stacktrace_of_any else None


def _parse_modifier(
    name: str, modifier: str, flags: FieldFlag, version: KernelVersion, log: HistLog
) -> tuple[FieldFlag, int]:
    """The flag of a modifier, and the size of buckets."""
    if modifier in _MODIFIERS and (version.hist_stacks or modifier != "stacktrace"):
        return _MODIFIERS[modifier], 0
    if modifier == "execname" and name == "common_pid":
        return F.EXECNAME, 0
    piece = modifier
    if modifier.startswith("bucket"):
        piece = modifier.removeprefix("bucket").removeprefix("s")
        if piece.startswith("="):
            piece = piece[1:]
            try:
                size = parse_unsigned(piece, base0=True)
            except OSError:
                size = 0
            if size:
                return F.BUCKETS, size
    for prefix, flag in _BY_PREFIX.items():
        if modifier.startswith(prefix) and not flags & (F.VARIABLE | F.KEY):
            return flag, 0
    raise log.refused(HistError.BAD_FIELD_MODIFIER, piece)


def _create(
    flags: FieldFlag,
    field: Field | None,
    text: str,
    buckets: int,
    version: KernelVersion,
    log: HistLog,
) -> HistField:
    """create_hist_field() for a field of the event, or one that all events have."""
    if F.HITCOUNT in flags:
        return HistField(flags, buckets=buckets)
    if F.STACKTRACE in flags:
        is_stack = field is None or field.kind in (Kind.STACK, Kind.STACKTRACE)
        if not (is_stack or version.hist_stacktrace_of_any):
            raise log.refused(HistError.BAD_FIELD_MODIFIER, text)
        if field is not None and field.name in _SPECIAL:
            field = None
        return HistField(flags, "unsigned long[]", 0, field=field, buckets=buckets)
    if flags & (F.LOG2 | F.BUCKETS):
        operand = _create(flags & ~(F.LOG2 | F.BUCKETS), field, text, 0, version, log)
        return HistField(
            flags, operand.type, operand.size, field=field, operands=(operand,), buckets=buckets
        )
    if field is not None and field.kind is Kind.STACK and version.hist_stacks:
        return _create(flags | F.STACKTRACE, field, text, buckets, version, log)
    if F.TIMESTAMP in flags:
        return HistField(flags)
    if F.CPU in flags:
        return HistField(flags, "unsigned int", 4, field=field)
    if field is None or field.kind is Kind.OTHER:
        raise refuse(errno.ENOMEM)
    if field.kind in (Kind.STATIC_STRING, Kind.DYNAMIC_STRING, Kind.COMM):
        size = field.size if field.kind is Kind.STATIC_STRING else MAX_STRING
        type_ = "char[]" if field.kind is Kind.COMM else field.type
        return HistField(flags | F.STRING, type_, size, field=field)
    return HistField(flags, field.type, field.size, field.signed, field)
