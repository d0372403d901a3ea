"""``pagemap``: eight bytes for each page of an address space (fs/proc/task_mmu.c)."""

from __future__ import annotations

import errno
import struct

from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.machine import Process
from engine.mm import MmStruct
from engine.page_table import MARKER, PRESENT, UFFD_WP, ZERO, HugePmd, PageTable
from engine.vma import Vma
from tracefs_fuse.files.node import File, OpenFile, Request
from tracefs_fuse.tracing.numbers import refuse

_ENTRY = 8
_SIZE = 0x7FFFFFFFF000 // PAGE_SIZE * _ENTRY
_PRESENT, _SWAPPED, _OF_FILE = 1 << 63, 1 << 62, 1 << 61
_UFFD_WP, _EXCLUSIVE, _SOFT_DIRTY = 1 << 57, 1 << 56, 1 << 55
_PFN = (1 << 55) - 1


class PagemapFile(File):
    """Page numbers are for root only; others see zeroes in their place."""

    def __init__(self, process: Process) -> None:
        super().__init__(0o400)
        self._process = process

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenPagemap(self._process.mm)


class _OpenPagemap(OpenFile):
    def __init__(self, mm: MmStruct) -> None:
        self._mm = mm

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        """Whole entries only: EINVAL for anything else."""
        if offset % _ENTRY or size % _ENTRY:
            raise refuse(errno.EINVAL)
        if offset >= _SIZE or not self._mm.users:
            return b""
        first = offset // _ENTRY
        count = min(size, _SIZE - offset) // _ENTRY
        kept = ~0 if request.uid == 0 else ~_PFN
        entries = (entry_of(self._mm, page * PAGE_SIZE) for page in range(first, first + count))
        return b"".join(struct.pack("<Q", entry & kept) for entry in entries)


def entry_of(mm: MmStruct, address: int) -> int:
    """pagemap_pmd_range() for one page."""
    vma = mm.find_vma(address)
    if vma is None or vma.start > address:
        return 0
    flags = 0 if vma.name == "[stack]" else _SOFT_DIRTY
    pmd = mm.pmds.get(address & -HPAGE_PMD_SIZE)
    index = address % HPAGE_PMD_SIZE // PAGE_SIZE
    if isinstance(pmd, HugePmd):
        return flags | _mapped(pmd.folio, index, pmd.state)
    return flags if pmd is None else flags | _entry(pmd, index, vma)


def _entry(table: PageTable, index: int, vma: Vma) -> int:
    state = table.states[index]
    if not state:
        return 0
    if not state & PRESENT:
        found = 0 if state & MARKER else _SWAPPED
        return found | (_UFFD_WP if state & UFFD_WP else 0)
    if state & ZERO:
        return _PRESENT
    folio = table.objects.get(index)
    if isinstance(folio, Folio):
        return _mapped(folio, table.pages.get(index, 0), state)
    return _PRESENT | _EXCLUSIVE | table.pfn(index) | (_UFFD_WP if state & UFFD_WP else 0)


def _mapped(folio: Folio, page: int, state: int) -> int:
    """A page of a folio that is mapped."""
    flags = _PRESENT | (folio.pfn + page)
    if not folio.anon:
        flags |= _OF_FILE
    if folio.page_mapcount(page) == 1:
        flags |= _EXCLUSIVE
    return flags | (_UFFD_WP if state & UFFD_WP else 0)
