"""The grammar of filters: parentheses, ``!``, ``&&`` and ``||`` over predicates.

Modelled after calc_stack(), predicate_parse() and create_event_filter()
(kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tracefs_fuse.tracing.compose import Namespace
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.filter.errors import Fault, FilterError
from tracefs_fuse.tracing.filter.predicate import PredicateParser, Scope
from tracefs_fuse.tracing.filter.program import Join, Program, Term, compose_program
from tracefs_fuse.tracing.filter.text import BLANKS, encoded
from tracefs_fuse.tracing.versions import KernelVersion

_OPEN, _CLOSE, _NOT = b"()!"
_AND, _OR = b"&|"
_QUOTES = b"'\""


class Filter:
    """A filter of one event."""

    def __init__(self, text: str, program: Program, needs: frozenset[str]) -> None:
        self.text = text
        """As its file shows it."""

        self.needs = needs
        """Variables of composed code that it uses besides those of the event's own fields."""

        self._program = program

    def compose(self, namespace: Namespace) -> str:
        """A Python expression that is true for events which pass."""
        return compose_program(self._program, namespace)


def parse_filter(event: TraceEvent, text: str, version: KernelVersion, cpus: int = 1) -> Filter:
    """The filter that a text stands for; FilterError when it doesn't stand for one.

    cpus: how many CPUs there can be, for ``CPUS{}``.
    """
    program = _Parser(Scope(event, version, cpus), encoded(text)).parse()
    terms = [step.predicate for step in program if isinstance(step, Term)]
    variables = frozenset().union(*(predicate.variables for predicate in terms))
    return Filter(text, program, variables - {field.variable for field in event.fields})


@dataclass
class _Level:
    """What is open inside one pair of parentheses."""

    inverted: bool
    ands: int = 0
    """Operands of the ``&&`` being read."""

    ors: int = 0
    """Operands of the ``||`` that are complete."""


class _Parser:
    """One pass over the text: negation is pushed down to the predicates on the way."""

    def __init__(self, scope: Scope, text: bytes) -> None:
        self._scope = scope
        self._text = text
        self._program: list[Term | Join] = []
        self._levels = [_Level(False)]

    def parse(self) -> Program:
        """The whole text as a program."""
        self._scan()
        text, position, connective = self._text, 0, 0
        inverted = False
        while position < len(text):
            char = text[position]
            if char in BLANKS:
                position += 1
            elif char == _OPEN:
                self._levels.append(_Level(inverted))
                position += 1
            elif char == _NOT and text[position + 1 : position + 2] not in (b"=", b"~"):
                inverted = not inverted
                position += 1
            else:
                position = self._predicate(position, inverted)
                position, connective = self._connective(position)
                inverted = self._levels[-1].inverted
                if not connective:
                    break
        else:
            self._dangling(connective)
        self._close()
        return self._program

    def _scan(self) -> None:
        """calc_stack(): parentheses and quotes match, and there is something to evaluate."""
        text = self._text
        opened: list[int] = []
        quote, quoted_from = 0, 0
        terms = False
        for position, char in enumerate(text):
            if quote:
                if char == quote:
                    quote = 0
                continue
            if char in _QUOTES:
                quote, quoted_from = char, position
                terms = True
            elif char == _OPEN:
                opened.append(position)
            elif char == _CLOSE:
                if not opened:
                    raise FilterError(Fault.TOO_MANY_CLOSE, text, position)
                opened.pop()
            elif char not in BLANKS:
                terms = True
        if quote:
            raise FilterError(Fault.MISSING_QUOTE, text, quoted_from)
        if opened:
            raise FilterError(Fault.TOO_MANY_OPEN, text, opened[-1])
        if not terms:
            raise FilterError(Fault.NO_TERM, text)

    def _predicate(self, position: int, inverted: bool) -> int:
        parser = PredicateParser(self._scope, self._text, position)
        self._program.append(Term(parser.parse(), inverted))
        self._levels[-1].ands += 1
        return parser.position

    def _connective(self, position: int) -> tuple[int, int]:
        """Read what may follow a predicate, up to ``&&``, ``||`` or the end (0)."""
        text = self._text
        while position < len(text):
            char = text[position]
            if char == _CLOSE:
                self._close()
                self._levels.pop()
                self._levels[-1].ands += 1
            elif char in (_AND, _OR) and text[position + 1 : position + 2] == bytes([char]):
                if char == _OR:
                    self._end_and()
                return position + 2, char
            elif char not in BLANKS:
                raise FilterError(Fault.TOO_MANY_PREDS, text, position)
            position += 1
        return position, 0

    def _dangling(self, connective: int) -> None:
        """The text ends where a predicate should be.

        Versions that let this pass get lost when ``||`` waits for the result of the ``&&``.
        """
        if not self._program:
            raise FilterError(Fault.NO_FILTER, self._text, len(self._text))
        if self._scope.version.filter_dangling_is_error:
            raise FilterError(Fault.INVALID_FILTER, self._text, len(self._text))
        if connective == _AND and self._levels[-1].ors:
            raise FilterError(Fault.NO_TERM, self._text)

    def _end_and(self) -> None:
        level = self._levels[-1]
        if level.ands:
            self._join("or" if level.inverted else "and", level.ands)
            level.ors += 1
            level.ands = 0

    def _close(self) -> None:
        self._end_and()
        level = self._levels[-1]
        self._join("and" if level.inverted else "or", level.ors)

    def _join(self, operator: Literal["and", "or"], count: int) -> None:
        if count > 1:
            self._program.append(Join(operator, count))
