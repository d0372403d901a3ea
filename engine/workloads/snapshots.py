"""A store that keeps all in memory, and forks to write it to disk.

While the child writes its snapshot, parent and child share every page, and each page that a
client changes meanwhile is copied.  khugepaged finds ranges in which too many pages are shared:
``exceed_shared_pte``.  When the child is gone they are the parent's alone again, and
``succeeded``.  Each fork breaks up what had become huge, as soon as a process writes to it:
AnonHugePages in the store's smaps goes up and down.

Turn ``khugepaged/max_ptes_shared``: with 511 ranges become huge also while the child lives, at
the price of memory, for parent and child then have a copy each.  With 0 a single shared page is
one too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE
from engine.mmap import mmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pages, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_DATA = 8


def begin(machine: Machine) -> None:
    machine.thp.khugepaged.scan_sleep_millisecs = SCAN_SLEEP
    start(machine, "redis-server", _store)


def _store(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_DATA))
    touch(mm, BASE, BASE + ranges(_DATA), write=True)
    while True:
        child = machine.fork(process)
        for _ in range(10):
            _requests(machine, process)
            yield pause(machine, 1)
        machine.exit(child)
        yield pause(machine, 10)


def _requests(machine: Machine, process: Process) -> None:
    """A second of clients that change something here and there."""
    random = machine.kernel.random
    for base in range(BASE, BASE + ranges(_DATA), HPAGE_PMD_SIZE):
        first = random.randrange(HPAGE_PMD_NR - 32)
        at = base + pages(first)
        touch(process.mm, at, at + pages(random.randrange(1, 32)), write=True)
