"""Accesses to memory, and the page faults that they make: handle_mm_fault() in mm/memory.c."""

from __future__ import annotations

from collections.abc import Iterator

from engine import anon_fault, file_fault
from engine.mm import MmStruct
from engine.signals import SegmentationFault
from engine.vma import Vma


def touch(mm: MmStruct, start: int, end: int, *, write: bool) -> None:
    """Access each page of [start, end) in turn.

    Raises SegmentationFault, BusError, and OSError ENOMEM where the kernel would have killed.
    """
    for vma, low, high in _accessed(mm, start, end, write=write):
        for base, first, last in mm.ranges(low, high):
            if vma.mapping is None:
                anon_fault.touch(mm, vma, base, first, last, write=write)
            else:
                file_fault.touch(mm, vma, base, first, last, write=write)


def _accessed(mm: MmStruct, start: int, end: int, *, write: bool) -> Iterator[tuple[Vma, int, int]]:
    """The parts of [start, end) by mapping, as far as they may be accessed."""
    at = start
    while at < end:
        vma = mm.find_vma(at)
        if vma is None or vma.start > at or not (vma.writable if write else vma.readable):
            raise SegmentationFault
        yield vma, at, min(end, vma.end)
        at = vma.end
