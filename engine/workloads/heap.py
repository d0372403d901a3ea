"""A heap of a managed language, which grows in regions and gives memory back.

Objects fill one region after the other; a collection empties most of them.  What a young
collection frees it only declares free (MADV_FREE), for it will be needed soon: khugepaged of 7.3
spares such pages (``page_lazyfree``), older ones make them huge with the rest.  A full collection
gives whole stretches back (MADV_DONTNEED), which leaves a few pages in each range: whether that
is ``exceed_none_pte`` or ``succeeded`` decides ``khugepaged/max_ptes_none``, which the
administrator has set to 256.  The part of the heap that was never needed has no page table:
``pmd_none``, or ``no_pte_table`` in 7.3.

Turn ``khugepaged/max_ptes_none`` to 511: what the collector gave back is soon huge again, and Rss
in smaps stays up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.folio import HPAGE_PMD_SIZE
from engine.madvise import madvise
from engine.mmap import mmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pages, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_REGIONS = 12
_RESERVED = 20
_MAX_PTES_NONE = 256
_SURVIVING = 40
"""Pages of a region that are still in use after a full collection."""


def begin(machine: Machine) -> None:
    knobs = machine.thp.khugepaged
    knobs.scan_sleep_millisecs, knobs.max_ptes_none = SCAN_SLEEP, _MAX_PTES_NONE
    machine.thp.fault_allocates = False
    start(machine, "java", _heap)


def _heap(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    mmap(mm, BASE, ranges(_RESERVED))
    while True:
        for region in range(_REGIONS):
            base = BASE + ranges(region)
            touch(mm, base, base + HPAGE_PMD_SIZE, write=True)
            yield pause(machine, 1)
            if region % 3 == 2:
                eden = BASE + ranges(region - 1)
                madvise(mm, eden + pages(400), eden + HPAGE_PMD_SIZE, "free")
        yield pause(machine, 4)
        for region in range(_REGIONS):
            base = BASE + ranges(region)
            madvise(mm, base + pages(_SURVIVING), base + HPAGE_PMD_SIZE, "dontneed")
        yield pause(machine, 6)
