"""A filter in postfix order, and its way to one Python expression.

The kernel compiles a filter to a program of branches (predicate_parse(), kernel/trace/
trace_events_filter.c); here it becomes source text, for which Python makes the branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tracefs_fuse.tracing.compose import Namespace, composed
from tracefs_fuse.tracing.filter.predicate import Predicate

_MAX_HEIGHT = 40
"""Expressions nested deeper get functions of their own: Python's parser has a limit."""


@dataclass(frozen=True)
class Term:
    predicate: Predicate
    negated: bool


@dataclass(frozen=True)
class Join:
    """The last ``count`` results joined into one; more than one."""

    operator: Literal["and", "or"]
    count: int


Program = Sequence[Term | Join]


@dataclass
class _Part:
    """Source text of a part of the filter: operands and what joins them."""

    operator: str
    operands: list[str]
    variables: frozenset[str]
    height: int = 0

    @property
    def source(self) -> str:
        return f" {self.operator} ".join(self.operands)


def compose_program(program: Program, namespace: Namespace) -> str:
    """One Python expression that says whether an event passes."""
    stack: list[_Part] = []
    for step in program:
        if isinstance(step, Term):
            source = _term(step, namespace)
            stack.append(_Part("", [source], step.predicate.variables))
        else:
            parts = stack[-step.count :]
            del stack[-step.count :]
            stack.append(_joined(step.operator, parts, namespace))
    (whole,) = stack
    return whole.source


def _term(term: Term, namespace: Namespace) -> str:
    predicate = term.predicate
    source = predicate.expression
    if predicate.glob is not None:
        source = f"{namespace.bind(predicate.glob.fullmatch, 'glob')}({source})"
    return f"not {source}" if term.negated != predicate.inverted else source


def _joined(operator: str, parts: list[_Part], namespace: Namespace) -> _Part:
    operands: list[str] = []
    height = 0
    for part in parts:
        if part.operator in ("", operator):
            operands += part.operands
            height = max(height, part.height)
        elif part.height < _MAX_HEIGHT:
            operands.append(f"({part.source})")
            height = max(height, part.height + 1)
        else:
            operands.append(_called(part, namespace))
    variables = frozenset().union(*(part.variables for part in parts))
    return _Part(operator, operands, variables, height)


def _called(part: _Part, namespace: Namespace) -> str:
    """A call of a function that evaluates the part."""
    names = sorted(part.variables)
    function = composed("filter_part", names, [f"return {part.source}"], namespace)
    return f"{namespace.bind(function, 'part')}({', '.join(names)})"
