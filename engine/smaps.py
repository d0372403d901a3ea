"""How a mapping is filled: smap_gather_stats() in fs/proc/task_mmu.c.

Sizes are in kB, but for those with ``pss`` in their name: each page counts there divided by how
often it is mapped, rounded down to a 4096th of a byte.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.filemap import Absent
from engine.folio import PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import (
    DIRTY,
    MIGRATION,
    OBJECT,
    PRESENT,
    YOUNG,
    ZERO,
    HugePmd,
    PageTable,
    classes,
    states_with,
)
from engine.swap import SwapSlot
from engine.vma import Vma

_PAGE_KB = PAGE_SIZE >> 10
_PSS_SHIFT = 12
_PAGE_PSS = PAGE_SIZE << _PSS_SHIFT
_PLAIN_YOUNG = classes(dict.fromkeys(states_with(PRESENT | YOUNG | ZERO | OBJECT, 3), 1), 0)
_PLAIN_DIRTY = classes(dict.fromkeys(states_with(PRESENT | DIRTY | ZERO | OBJECT, 5), 1), 0)


@dataclass
class Usage:
    """What a mapping holds."""

    rss: int = 0
    pss: int = 0
    pss_dirty: int = 0
    pss_anon: int = 0
    pss_shmem: int = 0
    pss_file: int = 0
    shared_clean: int = 0
    shared_dirty: int = 0
    private_clean: int = 0
    private_dirty: int = 0
    referenced: int = 0
    anonymous: int = 0
    ksm: int = 0
    lazyfree: int = 0
    anon_huge: int = 0
    shmem_huge: int = 0
    file_huge: int = 0
    swap: int = 0
    swap_pss: int = 0
    pss_locked: int = 0

    def add(self, other: Usage) -> None:
        """Sum up, as smaps_rollup does."""
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_NAMES = tuple(field.name for field in fields(Usage))


def pss_kb(pss: int) -> int:
    """A proportional size in kB."""
    return pss >> 10 + _PSS_SHIFT


def usage_of(mm: MmStruct, vma: Vma) -> Usage:
    """Look at all of a mapping."""
    usage = Usage()
    for _, pmd, first, last in mm.populated(vma.start, vma.end):
        if isinstance(pmd, HugePmd):
            if vma.readable or mm.kernel.version.smaps_sees_unreadable:
                _add_huge(usage, pmd, last - first)
        else:
            _add_table(usage, pmd, first, last)
    if vma.mapping is not None and vma.mapping.is_shmem and (vma.shared or not vma.writable):
        last_page = vma.page_of(vma.end)
        swapped = sum(
            entry.pages
            for _, entry in vma.mapping.entries(vma.pgoff, last_page)
            if isinstance(entry, Absent) and entry.swapped
        )
        usage.swap += swapped * _PAGE_KB
    if vma.locked:
        usage.pss_locked = usage.pss
    return usage


def _add_huge(usage: Usage, pmd: HugePmd, pages: int) -> None:
    """smaps_pmd_entry()."""
    folio = pmd.folio
    if folio.is_zero:
        return
    size = pages * _PAGE_KB
    if folio.anon:
        usage.anon_huge += size
    elif folio.mapping is None or folio.mapping.is_shmem:
        usage.shmem_huge += size
    else:
        usage.file_huge += size
    if pages == folio.pages and folio.mapcount == folio.entire_mapcount:
        _account(usage, folio, 0, pages, pmd.state)
    else:
        for page in range(pages):
            _account(usage, folio, page, 1, pmd.state)


def _add_table(usage: Usage, table: PageTable, first: int, last: int) -> None:
    """smaps_pte_range()."""
    states = table.states[first:last]
    plain = table.plain(first, last)
    dirty = states.translate(_PLAIN_DIRTY).count(1)
    usage.rss += plain * _PAGE_KB
    usage.pss += plain * _PAGE_PSS
    usage.pss_anon += plain * _PAGE_PSS
    usage.pss_dirty += dirty * _PAGE_PSS
    usage.anonymous += plain * _PAGE_KB
    usage.private_dirty += dirty * _PAGE_KB
    usage.private_clean += (plain - dirty) * _PAGE_KB
    usage.referenced += states.translate(_PLAIN_YOUNG).count(1) * _PAGE_KB
    swapped = table.swapped(first, last)
    usage.swap += swapped * _PAGE_KB
    usage.swap_pss += swapped * _PAGE_PSS
    for index in table.with_objects(first, last):
        found, state = table.objects[index], table.states[index]
        if isinstance(found, SwapSlot):
            usage.swap += _PAGE_KB
            usage.swap_pss += _PAGE_PSS // found.count
        elif state & (PRESENT | MIGRATION):
            _account(usage, found, table.pages.get(index, 0), 1, state)


def _account(usage: Usage, folio: Folio, page: int, pages: int, state: int) -> None:
    """smaps_account() of pages that are mapped equally often.

    Pages that are being migrated count as mapped once, and neither young nor dirty.
    """
    size = pages * _PAGE_KB
    present = bool(state & PRESENT)
    dirty = (present and bool(state & DIRTY)) or folio.dirty
    mapped = max(1, folio.page_mapcount(page)) if present else 1
    pss = pages * (_PAGE_PSS // mapped)
    if folio.anon:
        usage.anonymous += size
        usage.pss_anon += pss
        if folio.lazyfree and not dirty:
            usage.lazyfree += size
        if folio.merged:
            usage.ksm += size
    elif folio.mapping is None or folio.mapping.is_shmem:
        usage.pss_shmem += pss
    else:
        usage.pss_file += pss
    if (present and state & YOUNG) or folio.referenced:
        usage.referenced += size
    usage.rss += size
    usage.pss += pss
    if dirty:
        usage.pss_dirty += pss
    kind = ("shared" if mapped > 1 else "private") + ("_dirty" if dirty else "_clean")
    setattr(usage, kind, getattr(usage, kind) + size)
