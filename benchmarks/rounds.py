"""A round of khugepaged against the number of processes it looks at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.comparison import Comparison, Side, once
from engine import Machine
from engine.folio import HPAGE_PMD_SIZE
from engine.mmap import mmap
from engine.page_table import PRESENT

_FEW, _MANY = 100, 10_000
_BASE = 1 << 40
_MAPPED = bytes([PRESENT]) * 100


def _round_of(count: int) -> Side:
    """A round over so many processes with a range each that won't collapse; seconds a process."""
    machine = Machine(workload="idle")
    machine.thp.khugepaged.pages_to_scan = 1 << 30
    machine.thp.khugepaged.max_ptes_none = 0
    for _ in range(count):
        mm = machine.spawn("process").mm
        mmap(mm, _BASE, HPAGE_PMD_SIZE)
        mm.fill(_BASE, 0, _MAPPED)
        machine.kernel.khugepaged.enter(mm)
    machine.settle()

    def rounds() -> None:
        for _ in range(_MANY // count):
            machine.khugepaged_round()

    timed = once(rounds)
    return lambda: timed() / _MANY


@contextmanager
def processes() -> Iterator[tuple[Side, Side]]:
    yield _round_of(_MANY), _round_of(_FEW)


COMPARISONS = (Comparison("a round, by process, with 10,000", "the same with 100", 1.1, processes),)
