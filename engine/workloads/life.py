"""What the lives of processes are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.program import start_program
from engine.scheduler import Sleep, Thread

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

BASE = 0x7F0000000000
"""Where a process has the memory that its story is about."""

SCAN_SLEEP = 1000
"""Milliseconds: administrators want khugepaged to be quicker than by default."""

_SECOND = 1_000_000_000

Life = Callable[["Machine", "Process"], Thread]


def ranges(count: int) -> int:
    """The size of so many huge ranges."""
    return count * HPAGE_PMD_SIZE


def pages(count: int) -> int:
    """The size of so many pages."""
    return count * PAGE_SIZE


def pause(machine: Machine, seconds: float) -> Sleep:
    """About so many seconds."""
    return Sleep(int(seconds * _SECOND * machine.kernel.random.uniform(0.8, 1.2)))


def start(machine: Machine, comm: str, life: Life) -> Process:
    """A process that begins with the mappings of a program, and lives."""
    process = machine.spawn(comm)
    start_program(process.mm, f"/usr/bin/{comm}")
    machine.start(process.task, life(machine, process))
    return process
