"""A database with a big buffer pool in shared memory.

A postmaster maps the pool and forks backends, which read and write the part that their client
asks for, and end.  At first the pool fills with small pages.  Then the administrator's settings
come into force (MADV_HUGEPAGE), and khugepaged makes it huge: ``mm_khugepaged_collapse_file`` and
``mm_khugepaged_scan_file`` say ``succeeded``, later ``pte_mapped_hugepage`` for what is huge
already.  Ranges of which nothing was ever read are ``exceed_none_pte``, and what was paged out
while nobody asked for it is ``exceed_swap_pte``.  Every two minutes the database is started again.

Turn ``khugepaged/max_ptes_none``: with 0 a range waits until all its pages are there.  Turn
``shmem_enabled`` to ``never``: then nothing of the pool becomes huge; to ``always``: then page
faults make it huge at once, and khugepaged has nothing to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_NR
from engine.madvise import madvise
from engine.mmap import mmap, munmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pages, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_POOL = 32
_SWAP_PAGES = 1 << 16
_BACKENDS = 4
"""Sessions between two times that memory is short."""

_SESSIONS = 40
"""... and those after which the database is started again."""

_STRETCH = 96
"""Pages that a query looks at."""


def begin(machine: Machine) -> None:
    machine.thp.shmem_enabled = "advise"
    machine.thp.khugepaged.scan_sleep_millisecs = SCAN_SLEEP
    machine.kernel.memory.swap_on(_SWAP_PAGES)
    start(machine, "postgres", _postmaster)


def _postmaster(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    while True:
        pool = AddressSpace(machine.kernel, "dev/zero", FileKind.MEMFD, _POOL * HPAGE_PMD_NR)
        mmap(mm, BASE, ranges(_POOL), pool, shared=True)
        for session in range(_SESSIONS):
            if session == _SESSIONS // 3:
                madvise(mm, BASE, BASE + ranges(_POOL), "hugepage")
            if session % _BACKENDS == 0:
                _page_out(machine, process)
            backend = machine.fork(process)
            machine.start(backend.task, _backend(machine, backend))
            yield pause(machine, 3)
        munmap(mm, BASE, BASE + ranges(_POOL))
        pool.close(mm)


def _backend(machine: Machine, process: Process) -> Thread:
    """Some queries, and the end of the session."""
    for _ in range(machine.kernel.random.randrange(10, 30)):
        page = machine.kernel.random.randrange(_POOL * HPAGE_PMD_NR - _STRETCH)
        writes = machine.kernel.random.random() < 0.5
        touch(process.mm, BASE + pages(page), BASE + pages(page + _STRETCH), write=writes)
        yield pause(machine, 0.5)
    machine.exit(process)


def _page_out(machine: Machine, process: Process) -> None:
    """The kernel needed memory, and took what the postmaster itself does not use."""
    first = machine.kernel.random.randrange(_POOL)
    start, end = BASE + ranges(first), BASE + ranges(first + 1)
    touch(process.mm, start, start + pages(HPAGE_PMD_NR // 2), write=True)
    madvise(process.mm, start, end, "pageout")
