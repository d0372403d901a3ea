"""A box that has been up for months: memory is free, but in small pieces.

A service grows, and now and then frees all and begins again.  Page faults ask for huge pages and
fall back to small ones (thp_fault_fallback in /proc/vmstat); khugepaged wants to make them huge
afterwards, and mostly can't: ``alloc_huge_page_failed``, and then it rests for
``alloc_sleep_millisecs``.  Another program ends at times and leaves a few free blocks, and
compaction can make some: then there is a ``succeeded``.

Turn ``khugepaged/defrag`` to 0: khugepaged takes only blocks that are free, and fails more often.
Turn ``khugepaged/alloc_sleep_millisecs``: how long it rests after a failure, a minute by default,
ten seconds here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.fault import touch
from engine.memory import Fragmentation
from engine.mmap import mmap, munmap
from engine.scheduler import Thread
from engine.workloads.life import BASE, SCAN_SLEEP, pages, pause, ranges, start

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.task import Process

_GROWTH = 10
_STEP = 128
_ALLOC_SLEEP = 10_000


def begin(machine: Machine) -> None:
    knobs = machine.thp.khugepaged
    knobs.scan_sleep_millisecs, knobs.alloc_sleep_millisecs = SCAN_SLEEP, _ALLOC_SLEEP
    machine.kernel.memory.fragmentation = Fragmentation()
    start(machine, "node", _service)
    start(machine, "kcompactd0", _neighbours)


def _service(machine: Machine, process: Process) -> Thread:
    mm = process.mm
    while True:
        mmap(mm, BASE, ranges(_GROWTH))
        for page in range(0, _GROWTH * 512, _STEP):
            touch(mm, BASE + pages(page), BASE + pages(page + _STEP), write=True)
            yield pause(machine, 1)
        yield pause(machine, 30)
        munmap(mm, BASE, BASE + ranges(_GROWTH))


def _neighbours(machine: Machine, process: Process) -> Thread:
    """Others end, and the memory that they had can be put together."""
    random = machine.kernel.random
    while True:
        yield pause(machine, 20)
        machine.kernel.memory.fragmentation = Fragmentation(
            ready=random.randrange(2), compactable=random.randrange(3)
        )
