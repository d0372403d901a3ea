"""A comparison: something of the lab's and its floor, timed by turns.

Machines are noisy and two runs differ; what is timed within the same moment is disturbed alike.
So the two sides take turns, each turn gives one ratio, and the median of the ratios counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from timeit import Timer
from typing import Any

Side = Callable[[], float]
"""Does the work once; returns the seconds that a unit of it took."""

TURN = 0.05
"""Seconds that a side of :func:`statement` takes at least."""


@dataclass(frozen=True)
class Comparison:
    """A row of the table."""

    what: str
    floor: str
    goal: float
    """The ratio that is aimed at."""

    sides: Callable[[], AbstractContextManager[tuple[Side, Side]]]
    """Sets up what is compared: the lab's side, and the floor."""


@dataclass(frozen=True)
class Figure:
    """What was measured."""

    what: str
    floor: str
    goal: float
    ratio: float
    seconds: float
    """Of a unit of the lab's side, the best turn."""

    floor_seconds: float

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.goal


def measure(comparison: Comparison, turns: int) -> Figure:
    """Time both sides by turns."""
    with comparison.sides() as (subject, floor):
        pairs = [(subject(), floor()) for _ in range(turns)]
    return Figure(
        comparison.what,
        comparison.floor,
        comparison.goal,
        statistics.median(ours / theirs for ours, theirs in pairs),
        min(ours for ours, _ in pairs),
        min(theirs for _, theirs in pairs),
    )


def statement(source: str, **names: Any) -> Side:
    """A side that runs a statement many times."""
    timer = Timer(source, globals=names)
    number = 1
    while timer.timeit(number) < TURN:
        number *= 2
    return lambda: timer.timeit(number) / number


def once(work: Callable[[], object]) -> Side:
    """A side that does something long."""

    def timed() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return timed
