"""Expressions: from the text of a key, a value or a variable to fields and operators.

Modelled after parse_expr(), parse_unary(), parse_atom() and expr_str()
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.field import U64
from tracefs_fuse.tracing.hist.command import Definition
from tracefs_fuse.tracing.hist.errors import HistError
from tracefs_fuse.tracing.hist.field import F, FieldFlag, HistField, parse_field
from tracefs_fuse.tracing.hist.variables import create_alias, local_field_var_ref, parse_var_ref
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.hist.histogram import Histogram

_MAX_OPERATORS = 3
_MAX_NAME = 255
_SHIFT = 20
"""Bits behind the point of the multiplication that stands for a division."""

UNARY_MINUS = "-()"
"""The operator of a negation."""


class ExpressionParser:
    """Parses one key, value or variable of a histogram."""

    def __init__(self, histogram: Histogram, definition: Definition | None = None) -> None:
        """definition: of the variable that is parsed, which is cut along with its expression."""
        self._histogram = histogram
        self._definition = definition
        self._event = histogram.file.event
        self._version = histogram.file.array.tracing.version
        self._log = histogram.log
        self._operators = 0

    def parse(self, text: str, flags: FieldFlag, variable: str | None = None) -> HistField:
        """parse_expr(); raises OSError.

        flags: KEY or VARIABLE or none, for the field that results.
        variable: the name of the variable that is defined.
        """
        if self._operators > _MAX_OPERATORS:
            raise self._log.refused(HistError.TOO_MANY_SUBEXPR, text)
        operator, at = root_operator(text)
        if not operator:
            return self.parse_atom(text, flags, variable)
        self._operators += 1
        if operator == UNARY_MINUS:
            return self._parse_unary(text, flags, variable)
        left, right = text[:at], text[at + 1 :]
        self._cut_definition(text, left)
        if not left or not right:
            raise refuse(errno.EINVAL)
        first = self._operand(left)
        second = self._operand(right)
        return self._binary(operator, first, second, right, flags, variable)

    def parse_atom(self, text: str, flags: FieldFlag, variable: str | None = None) -> HistField:
        """parse_atom(): a constant, a reference to a variable, or a field."""
        if text[:1].isdecimal():
            return self._constant(text, flags, variable)
        system, event, name = "", "", text
        if text.count(".") > 1:
            system, event, name = text.split(".", 2)
            self._cut_definition(text, system)
        definition = local_field_var_ref(self._histogram, system, event, name)
        if definition is None:
            reference = parse_var_ref(self._histogram, system, event, name)
            if reference is not None:
                return create_alias(reference, variable) if variable is not None else reference
        else:
            name = definition
        result = parse_field(name, flags, self._event, self._version, self._log)
        if F.TIMESTAMP in result.flags:
            self._histogram.uses_timestamps = True
            self._histogram.timestamps_in_us |= F.USECS in result.flags
        result.variable = variable
        if variable is not None and F.EXECNAME in result.flags:
            result.flags |= F.STRING
            result.type, result.size, result.signed = "char[]", 256, False
        return result

    def _cut_definition(self, text: str, start: str) -> None:
        """Leave only the start of a definition, if this text is what there is of it."""
        if self._definition is not None and self._definition.expression == text:
            self._definition.expression = start

    def _constant(self, text: str, flags: FieldFlag, variable: str | None) -> HistField:
        """parse_const()."""
        try:
            value = parse_unsigned(text, base0=True)
        except OSError:
            raise self._log.refused(HistError.EXPECT_NUMBER, text) from None
        return HistField(flags | F.CONSTANT, variable=variable, constant=value)

    def _operand(self, text: str) -> HistField:
        operand = self.parse(text, F.NONE)
        if F.STRING in operand.flags:
            raise self._log.refused(HistError.INVALID_STR_OPERAND, text)
        return operand

    def _parse_unary(self, text: str, flags: FieldFlag, variable: str | None) -> HistField:
        """parse_unary(): only ``-(EXPRESSION)``."""
        if self._operators > _MAX_OPERATORS:
            raise self._log.refused(HistError.TOO_MANY_SUBEXPR, text)
        inner = text[1:]
        if "(" not in inner:
            raise refuse(errno.EINVAL)
        inner = inner[1:]
        before, paren, behind = inner.rpartition(")")
        if not paren:
            raise refuse(errno.EINVAL)
        if behind:
            raise self._log.refused(HistError.UNARY_MINUS_SUBEXPR, inner)
        operand = self._operand(before)
        flags |= F.EXPRESSION | operand.flags & (F.TIMESTAMP | F.USECS)
        name = f"-({self._operand_name(operand)})"
        if operand.flags & (F.LOG2 | F.BUCKETS):  # the kernel finds no name for these
            if self._version.hist_name_errors:
                raise refuse(errno.EINVAL)
            name = ""
        return HistField(
            flags,
            operand.type,
            operand.size,
            operand.signed,
            variable=variable,
            name=name,
            operator=UNARY_MINUS,
            operands=(operand,),
        )

    def _operand_name(self, operand: HistField) -> str:
        return operand.operand_text(self._version)

    def _binary(
        self,
        operator: str,
        first: HistField,
        second: HistField,
        second_text: str,
        flags: FieldFlag,
        variable: str | None,
    ) -> HistField:
        if _unit(first) != _unit(second):
            raise self._log.refused(HistError.TIMESTAMP_MISMATCH)
        constants = constant_of(first), constant_of(second)
        if operator == "/" and constants[1] == 0:
            raise self._log.refused(HistError.DIVISION_BY_ZERO, second_text, errno.EDOM)
        if constants[0] is not None and constants[1] is not None:
            value = calculate(operator, constants[0], constants[1])
            return HistField(flags | F.CONSTANT, variable=variable, constant=value)
        for operand in (first, second):
            operand.read_once = True
        name = f"{self._operand_name(first)}{operator}{self._operand_name(second)}"
        if len(name) > _MAX_NAME and self._version.hist_name_errors:
            raise refuse(errno.E2BIG)
        return HistField(
            flags | F.EXPRESSION | first.flags & (F.TIMESTAMP | F.USECS),
            first.type,
            first.size,
            first.signed,
            variable=variable,
            name=name,
            operator=operator,
            operands=(first, second),
        )


def root_operator(text: str) -> tuple[str, int]:
    """contains_operator(): the operator to split at, and its index; nothing for an atom."""
    minus = text.rfind("-")
    if minus == 0:
        return UNARY_MINUS, 0
    for pair in ("-+", "*/"):
        at = max(text.rfind(operator) for operator in pair)
        if at >= 0:
            return text[at], at
    return "", -1


def constant_of(field: HistField) -> int | None:
    """The value of a constant, or of a variable that is one."""
    definition = field
    if F.REFERENCE in field.flags and field.owner is not None:
        definition = field.owner.variable_at(field.slot)
    return definition.constant if F.CONSTANT in definition.flags else None


def _unit(field: HistField) -> FieldFlag:
    """Whether a field counts microseconds; a reference does what its variable does."""
    if F.REFERENCE in field.flags and field.owner is not None:
        field = field.owner.variable_at(field.slot)
    return field.flags & F.USECS


def calculate(operator: str, first: int, second: int) -> int:
    """An operation on two unsigned 64-bit numbers, the second of which is a constant."""
    if operator == "/":
        return _divide(first, second)
    results = {"+": first + second, "-": first - second, "*": first * second}
    return results[operator] & U64


def _divide(value: int, divisor: int) -> int:
    """Small values are divided by multiplying, which rounds up."""
    multiplier = division_multiplier(divisor)
    if multiplier is None or value >> _SHIFT:
        return value // divisor
    return (value * multiplier + (1 << _SHIFT) - 1) >> _SHIFT


def division_multiplier(divisor: int) -> int | None:
    """What stands for a division by a constant; None where the division is done."""
    if divisor & (divisor - 1) == 0 or divisor > 1 << _SHIFT:
        return None
    return (1 << _SHIFT) // divisor


def divide_by_variable(value: int, divisor: int) -> int:
    """A division by what is only known at the event."""
    return value // divisor if divisor else U64


def division_source(value: str, divisor: int) -> str:
    """The source of a division by a constant, for composed code."""
    multiplier = division_multiplier(divisor)
    if multiplier is None:
        return f"({value} // {divisor})"
    rounded = f"v * {multiplier} + {(1 << _SHIFT) - 1} >> {_SHIFT}"
    return f"({rounded} if (v := {value}) < {1 << _SHIFT} else v // {divisor})"
