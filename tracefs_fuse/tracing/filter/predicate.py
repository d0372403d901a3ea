"""One comparison of a filter: ``name op value``.

Modelled after parse_pred() (kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.field import STRINGS, Field, Kind
from tracefs_fuse.tracing.filter.cpulist import parse_cpulist
from tracefs_fuse.tracing.filter.errors import Fault, FilterError
from tracefs_fuse.tracing.filter.functions import FUNCTIONS
from tracefs_fuse.tracing.filter.strings import (
    Match,
    Pattern,
    array_string,
    comm_string,
    compile_glob,
    unsized_string,
    whole_string,
)
from tracefs_fuse.tracing.filter.text import ALPHANUMERIC, BLANKS
from tracefs_fuse.tracing.numbers import parse_signed, parse_unsigned
from tracefs_fuse.tracing.versions import KernelVersion

_BLANKS = re.compile(b"[%s]*" % BLANKS)
_NAME = re.compile(rb"[_%s]*" % ALPHANUMERIC)
_OPERATOR = re.compile(rb"~|!=|==|<=|<|>=|>|&")
_DIGITS = re.compile(rb"[%s]*" % ALPHANUMERIC)
_NUMBER = re.compile(rb"-?[%s]*" % ALPHANUMERIC)
_SYMBOL = re.compile(b"[^%s]*" % BLANKS)

_MAX_NUMBER = 23
_MAX_STRING = 255
_POINTER_SIZE = 8
_POINTER_STRINGS = ("char *", "const char *")
_GENERIC = (Kind.COMM, Kind.CPU, Kind.STACKTRACE)
_STACKS = (Kind.STACK, Kind.STACKTRACE)
_NEVER = "False"
_ALWAYS = "True"


@dataclass(frozen=True)
class Predicate:
    """A comparison as a Python expression over the variables of composed code."""

    expression: str
    """The truth; or, with ``glob``, the bytes that it is held against."""

    variables: frozenset[str] = frozenset()
    glob: re.Pattern[bytes] | None = None
    inverted: bool = False


@dataclass(frozen=True)
class Scope:
    """What the names of a filter refer to."""

    event: TraceEvent
    version: KernelVersion
    cpus: int
    """Number of possible CPUs."""

    def find_field(self, name: str) -> Field | None:
        field = self.event.find_field(name)
        if field and field.kind is Kind.STACKTRACE and not self.version.filter_stacktrace:
            return None
        return field


class PredicateParser:
    """Reads one predicate; a fault's caret is one to the right of what was read."""

    def __init__(self, scope: Scope, text: bytes, start: int) -> None:
        self._scope = scope
        self._text = text
        self.position = start
        """How far it has read."""

    def parse(self) -> Predicate:
        """The predicate at the position; FilterError if there is none."""
        name = self._take(_NAME)
        if not name:
            raise FilterError(Fault.NO_NAME, self._text)
        field = self._scope.find_field(name.decode("latin-1"))
        if field is None:
            raise self._fault(Fault.FIELD_NOT_FOUND)
        self._skip(b".ustring")
        modern = self._scope.version.filter_function
        function = modern and self._skip(b".function")
        self._take(_BLANKS)
        operator = self._take(_OPERATOR).decode()
        if not operator:
            raise self._fault(Fault.INVALID_OP)
        self._take(_BLANKS)
        if function:
            return self._function(field, operator)
        if modern and self._text.startswith(b"CPUS", self.position):
            return self._cpus(field, operator)
        following = self._text[self.position : self.position + 1]
        if following in (b"'", b'"'):
            return self._string(field, operator)
        if following.isdigit() or following == b"-":
            return self._number(field, operator)
        raise self._fault(Fault.INVALID_VALUE)

    def _take(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self._text, self.position)
        if match is None:
            return b""
        self.position = match.end()
        return match[0]

    def _skip(self, word: bytes) -> bool:
        if not self._text.startswith(word, self.position):
            return False
        self.position += len(word)
        return True

    def _fault(self, fault: Fault, position: int | None = None) -> FilterError:
        return FilterError(fault, self._text, (self.position if position is None else position) + 1)

    # -- the forms of a value --------------------------------------------------------------

    def _function(self, field: Field, operator: str) -> Predicate:
        """A function; fields that hold an address inside one don't exist here."""
        if field.size != _POINTER_SIZE or field.kind in _GENERIC:
            raise self._fault(Fault.ILLEGAL_FIELD_OP)
        if operator not in ("==", "!="):
            raise self._fault(Fault.INVALID_OP)
        if self._text[self.position : self.position + 1].isdigit():
            address = self._take(_DIGITS)
            if len(address) > _MAX_NUMBER:
                raise self._fault(Fault.OPERAND_TOO_LONG)
            try:
                parse_unsigned(address.decode("latin-1"), base0=True)
            except OSError:
                raise self._fault(Fault.INVALID_VALUE) from None
            raise self._fault(Fault.NO_FUNCTION)
        if self._take(_SYMBOL).decode("latin-1") not in FUNCTIONS:
            raise self._fault(Fault.NO_FUNCTION)
        return Predicate(_ALWAYS if operator == "!=" else _NEVER)

    def _cpus(self, field: Field, operator: str) -> Predicate:
        if _is_string(field) or field.kind in _STACKS or operator not in ("==", "!=", "&"):
            raise self._fault(Fault.ILLEGAL_FIELD_OP)
        opening = self.position + len(b"CPUS")
        if not self._text.startswith(b"{", opening):
            raise self._fault(Fault.MISSING_BRACE_OPEN, opening + 1)
        closing = self._text.find(b"}", opening)
        if closing < 0:
            raise self._fault(Fault.MISSING_BRACE_CLOSE, len(self._text))
        self.position = closing
        try:
            if closing == opening + 1:
                raise ValueError
            cpus = parse_cpulist(self._text[opening + 1 : closing], self._scope.cpus)
        except ValueError:
            raise self._fault(Fault.INVALID_CPULIST) from None
        self.position += 1
        if len(cpus) == 1:
            return self._compared(field, "==" if operator == "&" else operator, *cpus)
        return self._several_cpus(field, operator, sorted(cpus))

    def _several_cpus(self, field: Field, operator: str, cpus: list[int]) -> Predicate:
        """do_filter_scalar_cpumask(): one CPU is never equal to several, or to none."""
        if operator == "==" or field.kind not in (Kind.NUMBER, Kind.CPU):
            return Predicate(_NEVER)
        if operator == "!=" and field.kind is Kind.CPU:
            return Predicate(_ALWAYS)
        value = field.variable
        test = (
            f"0 <= {value} < {self._scope.cpus}"
            if operator == "!="
            else f"{value} in {tuple(cpus)}"
        )
        return Predicate(test, frozenset({value}))

    def _string(self, field: Field, operator: str) -> Predicate:
        if operator not in ("~", "==", "!="):
            raise self._fault(Fault.ILLEGAL_FIELD_OP)
        if not _is_string(field):
            raise self._fault(Fault.EXPECT_DIGIT)
        start = self.position + 1
        self.position = self._text.index(self._text[self.position], start)
        operand = self._text[start : self.position]
        if len(operand) > _MAX_STRING:
            raise self._fault(Fault.OPERAND_TOO_LONG)
        self.position += 1
        if operator == "~":
            pattern = Pattern.of_glob(operand)
        else:
            pattern = Pattern(Match.FULL, operand, inverted=operator == "!=")
        return self._matched(field, pattern)

    def _matched(self, field: Field, pattern: Pattern) -> Predicate:
        value = field.variable
        if field.kind is Kind.DYNAMIC_STRING:
            test = whole_string(value, pattern)
        elif field.kind is Kind.COMM:
            test = comm_string(value, pattern)
        elif field.kind is not Kind.STATIC_STRING:
            return Predicate(_NEVER)  # a pointer; what it points to can't be read
        elif field.size:
            test = array_string(value, pattern, field.size)
        else:
            bounded = self._scope.version.glob_bounded
            test = unsized_string(value, pattern, glob_bounded=bounded)
        glob = compile_glob(pattern.text) if pattern.match is Match.GLOB else None
        return Predicate(test, frozenset({value}), glob, pattern.inverted)

    def _number(self, field: Field, operator: str) -> Predicate:
        if _is_string(field):
            raise self._fault(Fault.EXPECT_STRING)
        if operator == "~":
            raise self._fault(Fault.ILLEGAL_FIELD_OP)
        start = self.position
        number = self._take(_NUMBER)
        if len(number) > _MAX_NUMBER:
            raise self._fault(Fault.OPERAND_TOO_LONG)
        parse = parse_signed if field.signed else parse_unsigned
        try:
            value = parse(number.decode("latin-1"), base0=True)
        except OSError:
            raise self._fault(Fault.ILLEGAL_INTVAL, start) from None
        if field.kind is Kind.CPU and operator == "&":
            return Predicate(_NEVER)
        return self._compared(field, operator, value)

    def _compared(self, field: Field, operator: str, value: int) -> Predicate:
        """A comparison in the field's own C type."""
        if field.kind not in (Kind.NUMBER, Kind.CPU, Kind.STACK):
            return Predicate(_NEVER)
        bits = 8 * field.size
        value &= (1 << bits) - 1
        if field.signed and value >> (bits - 1):
            value -= 1 << bits
        if field.kind is Kind.STACK:
            number, variables = self._scope.event.layout.location_source(field)
        else:
            number, variables = field.variable, frozenset({field.variable})
        return Predicate(f"{number} {operator} {value}", variables)


def _is_string(field: Field) -> bool:
    return field.kind in STRINGS or (field.type in _POINTER_STRINGS and field.kind is Kind.NUMBER)
