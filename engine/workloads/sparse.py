"""Allocators that touch a few pages of each huge range.

Many threads with an arena each, hash tables that are mostly empty: of every two MiB a few pages
are in use.  With the kernel's own ``khugepaged/max_ptes_none`` of 511 one page is enough for a
huge one: everything is ``succeeded``, and the Rss of the process grows to many times of what it
uses.  That is how huge pages bloat memory.

Turn ``khugepaged/max_ptes_none`` to 64, as distributors of such programs advise: from then on
ranges are ``exceed_none_pte``, and what the arenas give back and take again stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.folio import HPAGE_PMD_NR
from engine.madvise import madvise
from engine.mmap import mmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pages, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_ARENAS = 16
_USED = 12
"""Pages of an arena that are in use."""


def begin(machine: Machine) -> None:
    machine.thp.enabled = "madvise"
    machine.thp.khugepaged.scan_sleep_millisecs = SCAN_SLEEP
    for comm in ("memcached", "mongod"):
        start(machine, comm, _arenas)


def _arenas(machine: Machine, process: Process) -> Thread:
    mm, random = process.mm, machine.kernel.random
    mmap(mm, BASE, ranges(_ARENAS))
    for arena in range(_ARENAS):
        _allocate(machine, process, arena)
    madvise(mm, BASE, BASE + ranges(_ARENAS), "hugepage")
    while True:
        yield pause(machine, 2)
        arena = random.randrange(_ARENAS)
        madvise(mm, BASE + ranges(arena), BASE + ranges(arena + 1), "dontneed")
        yield pause(machine, 1)
        madvise(mm, BASE + ranges(arena), BASE + ranges(arena + 1), "nohugepage")
        _allocate(machine, process, arena)
        madvise(mm, BASE + ranges(arena), BASE + ranges(arena + 1), "hugepage")


def _allocate(machine: Machine, process: Process, arena: int) -> None:
    for _ in range(_USED):
        at = BASE + ranges(arena) + pages(machine.kernel.random.randrange(HPAGE_PMD_NR))
        touch(process.mm, at, at + pages(1), write=True)
