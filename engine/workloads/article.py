"""A server's usual mix of processes, such as an article on khugepaged looks at.

- ``postgres`` keeps a buffer pool that became huge when it was touched: ``page_pmd_mapped``.
- ``java`` has a heap of which the upper part was never used: ``pmd_none``.
- ``redis-server`` forks to save its data, and parent and child share pages: ``exceed_shared_pte``
  until the child is gone, then ``succeeded``.
- ``python3`` grows its heap in small steps, so khugepaged makes it huge afterwards: ``succeeded``;
  and frees most of it again: ``exceed_none_pte``.
- ``nginx`` was idle so long that part of it is swapped out: ``exceed_swap_pte``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.madvise import madvise
from engine.mmap import expand, mmap, munmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_MAX_PTES_NONE = 128
"""... and not to make memory huge that is mostly holes."""

_SWAP_PAGES = 1 << 18
_POOL = 24
_HEAP_USED, _HEAP_RESERVED = 6, 2
_DATA = 2
_GROWTH = 3
_CACHE = 1


def begin(machine: Machine) -> None:
    knobs = machine.kernel.thp.khugepaged
    knobs.scan_sleep_millisecs = SCAN_SLEEP
    knobs.max_ptes_none = _MAX_PTES_NONE
    machine.kernel.memory.swap_on(_SWAP_PAGES)
    for comm, life in (
        ("postgres", _database),
        ("java", _heap),
        ("redis-server", _snapshots),
        ("python3", _growth),
        ("nginx", _swapped),
    ):
        start(machine, comm, life)


def _database(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_POOL))
    while True:
        touch(mm, BASE, BASE + ranges(_POOL), write=True)
        yield pause(machine, 5)


def _heap(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_HEAP_USED + _HEAP_RESERVED))
    used = BASE + ranges(_HEAP_USED)
    while True:
        touch(mm, BASE, used, write=True)
        yield pause(machine, 7)


def _snapshots(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_DATA))
    touch(mm, BASE, BASE + ranges(_DATA), write=True)
    while True:
        yield pause(machine, 6)
        child = machine.fork(process)
        for base in range(BASE, BASE + ranges(_DATA), HPAGE_PMD_SIZE):
            changed = machine.kernel.random.randrange(20, 200)
            touch(mm, base, base + changed * PAGE_SIZE, write=True)
        yield pause(machine, 9)
        machine.exit(child)


def _growth(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    while True:
        heap = mmap(mm, BASE, PAGE_SIZE)
        for page in range(1, _GROWTH * HPAGE_PMD_NR):
            touch(mm, heap.end - PAGE_SIZE, heap.end, write=True)
            expand(mm, heap, PAGE_SIZE)
            if page % 256 == 0:
                yield pause(machine, 0.5)
        touch(mm, BASE, heap.end, write=True)
        yield pause(machine, 8)
        for base in range(BASE, BASE + ranges(_GROWTH - 1), HPAGE_PMD_SIZE):
            madvise(mm, base + 16 * PAGE_SIZE, base + HPAGE_PMD_SIZE, "dontneed")
        yield pause(machine, 8)
        munmap(mm, heap.start, heap.end)


def _swapped(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_CACHE))
    end = BASE + ranges(_CACHE)
    while True:
        touch(mm, BASE, end, write=True)
        yield pause(machine, 4)
        cold = machine.kernel.random.randrange(80, 300)
        madvise(mm, end - cold * PAGE_SIZE, end, "pageout")
        yield pause(machine, 12)
