"""``pagemap``: eight bytes for each page of an address space.

Modelled after pagemap_read() in fs/proc/task_mmu.c.

What lies in swap space has no place there: swap entries tell 0 for it.
"""

from __future__ import annotations

import errno
from array import array

from engine import Machine
from engine.folio import PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import DIRTY, MARKER, PRESENT, UFFD_WP, ZERO, HugePmd, PageTable
from engine.task import Process
from engine.vma import Vma
from tracefs_fuse.files.node import File, OpenFile, Request, Seeks
from tracefs_fuse.files.proc.versions import ProcVersion, version_of
from tracefs_fuse.tracing.numbers import refuse

_ENTRY = 8
_END = 0x7FFFFFFFF000 // PAGE_SIZE * _ENTRY
"""Where user space ends."""

_IS_PRESENT, _IS_SWAPPED, _IS_FILE = 1 << 63, 1 << 62, 1 << 61
_IS_GUARD, _IS_UFFD_WP, _IS_EXCLUSIVE, _IS_SOFT_DIRTY = 1 << 58, 1 << 57, 1 << 56, 1 << 55
_PFN = (1 << 55) - 1

_ZERO_PFN = 0x2F5B
"""Where the page of zeroes is."""

_TYPE_BITS = 5
_UFFD_WP_MARKER, _GUARD_MARKER = 1 << 0, 1 << 2
"""What markers are, in the place of an offset."""


class PagemapFile(File):
    """Page numbers are for root only; others see zeroes in their place."""

    def __init__(self, machine: Machine, process: Process) -> None:
        super().__init__(0o400)
        self._machine = machine
        self._mm = process.mm

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenPagemap(version_of(self._machine), self._mm)


class _OpenPagemap(OpenFile):
    seeks = Seeks.NOT_TO_END

    def __init__(self, version: ProcVersion, mm: MmStruct) -> None:
        self._version = version
        self._mm = mm

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        """Whole entries only: EINVAL for anything else.  Nothing once the process is gone."""
        if not self._mm.users:
            return b""
        if offset % _ENTRY or size % _ENTRY:
            raise refuse(errno.EINVAL)
        if offset >= _END:
            return b""
        first, count = offset // _ENTRY, min(size, _END - offset) // _ENTRY
        entries = entries_of(self._version, self._mm, first, count)
        if request.uid != 0:
            hidden = ~_PFN
            entries = array("Q", (e if e & _IS_SWAPPED else e & hidden for e in entries))
        return entries.tobytes()


def entries_of(version: ProcVersion, mm: MmStruct, first: int, count: int) -> array[int]:
    """The entries of pages from one on: walk_page_range() with pagemap_ops."""
    entries = array("Q", bytes(count * _ENTRY))
    start, end = first * PAGE_SIZE, (first + count) * PAGE_SIZE
    for vma in mm.vmas_in(start, end):
        low, high = max(start, vma.start), min(end, vma.end)
        if vma.name != "[stack]":
            place = slice(low // PAGE_SIZE - first, high // PAGE_SIZE - first)
            entries[place] = array("Q", [_IS_SOFT_DIRTY]) * (place.stop - place.start)
        for base, pmd, index, last in mm.populated(low, high):
            at = base // PAGE_SIZE - first
            if isinstance(pmd, HugePmd):
                for page in range(index, last):
                    entries[at + page] |= _huge_entry(version, pmd, page)
            else:
                for page in range(index, last):
                    if pmd.states[page]:
                        entries[at + page] |= _entry(version, vma, pmd, page)
    return entries


def _huge_entry(version: ProcVersion, pmd: HugePmd, page: int) -> int:
    """pagemap_pmd_range() for one page of a huge page."""
    folio, state = pmd.folio, pmd.state
    if folio.is_zero:
        return _IS_PRESENT | folio.pfn + page | (_IS_FILE if version.zero_is_file else 0)
    told = 0 if version.pagemap_tells_first else page
    return _folio_entry(folio, page, state, exclusive=folio.page_mapcount(told) == 1)


def _entry(version: ProcVersion, vma: Vma, table: PageTable, index: int) -> int:
    """pte_to_pagemap_entry()."""
    state = table.states[index]
    found = table.objects.get(index)
    if isinstance(found, Folio):
        page = table.pages.get(index, 0)
        return _folio_entry(found, page, state, exclusive=found.page_mapcount(page) == 1)
    flags = _flags(state)
    if not state & PRESENT:
        return flags | (_marker(version, vma, state) if state & MARKER else 0)
    if state & ZERO:
        return flags | _ZERO_PFN
    return flags | _IS_EXCLUSIVE | table.pfn(index)


def _folio_entry(folio: Folio, page: int, state: int, *, exclusive: bool) -> int:
    """A page of a folio that is mapped, or is being migrated."""
    flags = _flags(state) | (0 if folio.anon else _IS_FILE)
    if not state & PRESENT:
        return flags
    return flags | folio.pfn + page | (_IS_EXCLUSIVE if exclusive else 0)


def _flags(state: int) -> int:
    """What an entry itself says."""
    flags = _IS_PRESENT if state & PRESENT else _IS_SWAPPED
    if state & (PRESENT | DIRTY) == PRESENT | DIRTY:
        flags |= _IS_SOFT_DIRTY
    return flags | (_IS_UFFD_WP if state & UFFD_WP else 0)


def _marker(version: ProcVersion, vma: Vma, state: int) -> int:
    """What a marker says beyond being an entry that is not present."""
    if state & UFFD_WP:
        return _UFFD_WP_MARKER << _TYPE_BITS | version.marker_type
    if not vma.guarded:
        return 0
    guard = _IS_GUARD if version.pagemap_guards else 0
    return guard | _GUARD_MARKER << _TYPE_BITS | version.marker_type
