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
from engine.scheduler import Sleep, Thread

if TYPE_CHECKING:
    from engine.machine import Machine, Process

_SECOND = 1_000_000_000
_BASE = 0x7F0000000000
_SCAN_SLEEP = 1000
"""Milliseconds: the administrator wants khugepaged to be quicker than by default."""

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
    knobs.scan_sleep_millisecs = _SCAN_SLEEP
    knobs.max_ptes_none = _MAX_PTES_NONE
    machine.kernel.memory.swap = _SWAP_PAGES
    for comm, life in (
        ("postgres", _database),
        ("java", _heap),
        ("redis-server", _snapshots),
        ("python3", _growth),
        ("nginx", _swapped),
    ):
        process = machine.spawn(comm)
        machine.start(process.task, life(machine, process))


def _ranges(count: int) -> int:
    return count * HPAGE_PMD_SIZE


def _pause(machine: Machine, seconds: float) -> Sleep:
    """About so many seconds."""
    return Sleep(int(seconds * _SECOND * machine.kernel.random.uniform(0.8, 1.2)))


def _database(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, _BASE, _ranges(_POOL))
    while True:
        touch(mm, _BASE, _BASE + _ranges(_POOL), write=True)
        yield _pause(machine, 5)


def _heap(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, _BASE, _ranges(_HEAP_USED + _HEAP_RESERVED))
    used = _BASE + _ranges(_HEAP_USED)
    while True:
        touch(mm, _BASE, used, write=True)
        yield _pause(machine, 7)


def _snapshots(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, _BASE, _ranges(_DATA))
    touch(mm, _BASE, _BASE + _ranges(_DATA), write=True)
    while True:
        yield _pause(machine, 6)
        child = machine.fork(process)
        for base in range(_BASE, _BASE + _ranges(_DATA), HPAGE_PMD_SIZE):
            changed = machine.kernel.random.randrange(20, 200)
            touch(mm, base, base + changed * PAGE_SIZE, write=True)
        yield _pause(machine, 9)
        machine.exit(child)


def _growth(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    while True:
        heap = mmap(mm, _BASE, PAGE_SIZE)
        for page in range(1, _GROWTH * HPAGE_PMD_NR):
            touch(mm, heap.end - PAGE_SIZE, heap.end, write=True)
            expand(mm, heap, PAGE_SIZE)
            if page % 256 == 0:
                yield _pause(machine, 0.5)
        touch(mm, _BASE, heap.end, write=True)
        yield _pause(machine, 8)
        for base in range(_BASE, _BASE + _ranges(_GROWTH - 1), HPAGE_PMD_SIZE):
            madvise(mm, base + 16 * PAGE_SIZE, base + HPAGE_PMD_SIZE, "dontneed")
        yield _pause(machine, 8)
        munmap(mm, heap.start, heap.end)


def _swapped(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, _BASE, _ranges(_CACHE))
    end = _BASE + _ranges(_CACHE)
    while True:
        touch(mm, _BASE, end, write=True)
        yield _pause(machine, 4)
        cold = machine.kernel.random.randrange(80, 300)
        madvise(mm, end - cold * PAGE_SIZE, end, "pageout")
        yield _pause(machine, 12)
