"""Memory in use, each page counted once: gauges of enum node_stat_item (include/linux/mmzone.h).

A page that several processes map counts once, unlike in smaps.  What the kernel counts as it comes
and goes is in :mod:`engine.vmstat`; this module counts when it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.folio import ALL_PAGES, HPAGE_PMD_NR, PAGE_SIZE, Folio
from engine.free_area import MAX_PAGE_ORDER, add_pages_of_block
from engine.memory import node_of
from engine.mm_counters import page_tables
from engine.page_table import MIGRATION, PRESENT, HugePmd, PageTable
from engine.smaps import usage_of
from engine.swap import SwapSlot

if TYPE_CHECKING:
    from engine.filemap import AddressSpace
    from engine.kernel import Kernel
    from engine.memcg import MemCgroup
    from engine.mm import MmStruct

_PAGE_KB = PAGE_SIZE >> 10


@dataclass
class MemoryInUse:
    """Pages by kind."""

    anon: int = 0
    """Anonymous pages that are mapped (NR_ANON_MAPPED)."""

    file_mapped: int = 0
    """Pages of files and shared memory that are mapped (NR_FILE_MAPPED)."""

    dirty: int = 0
    """Pages of files on disk that are newer than the disk (NR_FILE_DIRTY)."""

    swapcached: int = 0
    page_tables: int = 0
    mlocked: int = 0
    committed: int = 0
    """Pages that processes may need at most (vm_committed_as)."""


def memory_in_use(mms: Iterable[MmStruct], memcg: MemCgroup | None = None) -> MemoryInUse:
    """Count what some address spaces have, and what is cached of their files.

    memcg: count only pages that are charged to it, and what belongs to address spaces of its
    processes alone; None for all.
    """
    use = MemoryInUse()
    mapped: set[Folio] = set()
    files: dict[AddressSpace, None] = {}
    for mm in mms:
        files.update(mm.files)
        for pmd in mm.pmds.values():
            if isinstance(pmd, HugePmd):
                mapped.add(pmd.folio)
                continue
            if memcg is None or pmd.memcg is memcg:
                use.anon += pmd.plain(0, HPAGE_PMD_NR)
            mapped.update(_folios_of(pmd))
        if memcg is None or mm.memcg is memcg:
            _count_own(use, mm)
    for folio in mapped:
        if not folio.is_zero and (memcg is None or folio.memcg is memcg):
            _count_mapped(use, folio)
    for file in files:
        if not file.is_shmem:
            cached = {found for found in file.pages.values() if isinstance(found, Folio)}
            use.dirty += sum(
                folio.pages
                for folio in cached
                if folio.dirty and (memcg is None or folio.memcg is memcg)
            )
    if memcg is None:
        use.committed += sum(file.size for file in files if file.is_shmem)
    return use


def _folios_of(table: PageTable) -> Iterable[Folio]:
    """The folios that entries map, or have in the swap cache."""
    for index in table.with_objects(0, HPAGE_PMD_NR):
        found = table.objects[index]
        if isinstance(found, SwapSlot):
            if found.folio is not None:
                yield found.folio
        elif table.states[index] & (PRESENT | MIGRATION):
            yield found


def _count_own(use: MemoryInUse, mm: MmStruct) -> None:
    """Count what belongs to one address space alone."""
    use.page_tables += page_tables(mm)
    for vma in mm.vmas:
        if vma.locked:
            use.mlocked += usage_of(mm, vma).rss // _PAGE_KB
        if vma.accounted:
            use.committed += (vma.end - vma.start) // PAGE_SIZE


def _count_mapped(use: MemoryInUse, folio: Folio) -> None:
    """Count those pages of a folio that are mapped: __folio_add_rmap()."""
    if folio.entire_mapcount:
        pages = folio.pages
    elif folio.order:
        pages = sum(count > 0 for count in folio.page_mapcounts)
    else:
        pages = int(folio.mapcount > 0)
    if folio.anon:
        use.anon += pages
        use.swapcached += folio.swapcache
    else:
        use.file_mapped += pages


def free_area(kernel: Kernel, mms: Iterable[MmStruct], node: int, own: int) -> list[int]:
    """The free blocks by order in the zone Normal of a node: frag_show() in mm/vmstat.c.

    own: pages that the kernel has for itself.
    """
    frames = [0] * (MAX_PAGE_ORDER + 1)
    for mm in mms:
        for pmd in mm.pmds.values():
            if isinstance(pmd, PageTable) and node_of(pmd.frames) == node:
                add_pages_of_block(frames, ALL_PAGES & ~(pmd.lent | pmd.plain_bitmap()))
    return kernel.memory.free_area(node, frames, own)
