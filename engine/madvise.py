"""madvise(2): what a process says of its memory (mm/madvise.c)."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable

from engine.anon_fault import anon_vma_prepare
from engine.filemap import Absent
from engine.folio import HPAGE_PMD_NR, Folio
from engine.khugepaged import Khugepaged
from engine.madvise_collapse import madvise_collapse
from engine.mm import MmStruct, refuse
from engine.mmap import change, require_mapped
from engine.page_table import (
    DIRTY,
    MARKER,
    OBJECT,
    PRESENT,
    SWAP,
    UFFD_WP,
    YOUNG,
    ZERO,
    HugePmd,
    PageTable,
    Pmd,
)
from engine.swap import SwapSlot
from engine.vma import Vma

_OnMapping = Callable[[MmStruct, Vma, int, int], None]


def madvise(mm: MmStruct, start: int, end: int, advice: str) -> None:
    """Give advice (a key of ADVICE) for [start, end).

    Raises OSError: EINVAL where a mapping can't have it, ENOMEM after all when there are holes.
    """
    if advice in _FLAGS:
        _advise_flags(mm, start, end, _FLAGS[advice])
        return
    visit = _VISITS[advice]
    for vma in mm.vmas_in(start, end):
        visit(mm, vma, max(start, vma.start), min(end, vma.end))
    require_mapped(mm, start, end)


# -- flags of mappings -------------------------------------------------------------------------

_FLAGS = {
    "hugepage": {"hugepage": True, "nohugepage": False},
    "nohugepage": {"hugepage": False, "nohugepage": True},
    "dontfork": {"dontfork": True},
    "dofork": {"dontfork": False},
    "mergeable": {"mergeable": True},
    "unmergeable": {"mergeable": False},
}


def _advise_flags(mm: MmStruct, start: int, end: int, flags: dict[str, bool]) -> None:
    khugepaged, version = mm.kernel.khugepaged, mm.kernel.version
    changed = [vma for vma in mm.vmas_in(start, end) if _differs(vma, flags)]
    if flags.get("hugepage") and not version.enters_on_change:
        for vma in mm.vmas_in(start, end):
            _enter_advised(khugepaged, mm, vma)
    try:
        change(mm, start, end, **flags)
    finally:
        if changed and version.enters_on_change:
            for vma in mm.vmas_in(start, end):
                if vma.hugepage:
                    khugepaged.enter_vma(mm, vma)


def _differs(vma: Vma, flags: dict[str, bool]) -> bool:
    return any(getattr(vma, name) != value for name, value in flags.items())


def _enter_advised(khugepaged: Khugepaged, mm: MmStruct, vma: Vma) -> None:
    """Register the address space as if the mapping had the advice already."""
    before = vma.hugepage, vma.nohugepage
    vma.hugepage, vma.nohugepage = True, False
    khugepaged.enter_vma(mm, vma)
    vma.hugepage, vma.nohugepage = before


# -- giving memory back ------------------------------------------------------------------------


def _dontneed(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_DONTNEED: drop the pages, keep the mapping."""
    if vma.locked or vma.special:
        raise refuse(errno.EINVAL)
    mm.zap(start, end)
    if not mm.kernel.version.reclaims_page_tables:
        return
    for base, pmd, first, last in mm.populated(start, end):
        if last - first == HPAGE_PMD_NR and isinstance(pmd, PageTable):
            mm.drop_table(base)


def _free(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_FREE: the kernel may drop the pages until they are written again."""
    if vma.locked or vma.special or not vma.is_anonymous:
        raise refuse(errno.EINVAL)
    for base, pmd, first, last in mm.populated(start, end):
        table = _table_of(mm, base, pmd, first, last, _free_huge)
        if table is None:
            continue
        for index in range(first, last):
            state = table.states[index]
            if state & (PRESENT | SWAP) == SWAP and not state & MARKER:
                mm.clear_entry(table, index)
        for index, folio in _own_pages(mm, table, first, last, shared=True):
            folio.lazyfree = True
            folio.referenced = False
            table.states[index] &= ~(YOUNG | DIRTY)


def _free_huge(mm: MmStruct, base: int, pmd: HugePmd) -> None:
    pmd.folio.lazyfree = True
    pmd.state &= ~(YOUNG | DIRTY)


def _cold(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_COLD: the pages are not in use."""
    if vma.locked or vma.special:
        raise refuse(errno.EINVAL)
    for base, pmd, first, last in mm.populated(start, end):
        table = _table_of(mm, base, pmd, first, last, _cool_huge)
        if table is None:
            continue
        for index, folio in _own_pages(mm, table, first, last):
            folio.referenced = False
            table.states[index] &= ~YOUNG


def _cool_huge(mm: MmStruct, base: int, pmd: HugePmd) -> None:
    pmd.state &= ~YOUNG
    pmd.folio.referenced = False


def _table_of(
    mm: MmStruct,
    base: int,
    pmd: Pmd,
    first: int,
    last: int,
    on_huge: Callable[[MmStruct, int, HugePmd], None],
) -> PageTable | None:
    """The page table of a range; a huge page is done as a whole, or split when a part is meant."""
    if not isinstance(pmd, HugePmd):
        return pmd
    folio = pmd.folio
    if folio.is_zero or folio.mapcount != 1:
        return None
    if last - first == HPAGE_PMD_NR:
        on_huge(mm, base, pmd)
        return None
    if folio.pins or folio.locked:
        mm.kernel.count_split(folio.order, failed=True)
        return None
    table = mm.split_pmd(base)
    if table is None:
        assert folio.mapping is not None
        folio.mapping.split(folio)
        return None
    return table if mm.split_folio(table, folio, was_whole=True) else None


def _own_pages(
    mm: MmStruct, table: PageTable, first: int, last: int, *, shared: bool = False
) -> list[tuple[int, Folio]]:
    """Entries and folios in [first, last) that nobody else maps; large ones in part are split.

    shared: small ones may be shared, unless swap knows them.
    """
    own = []
    refused: set[Folio] = set()
    inside = Counter(table.objects[i] for i in table.with_objects(first, last))
    for index in list(table.present(first, last)):
        if table.states[index] & (PRESENT | ZERO) != PRESENT:
            continue
        folio = mm.folio(table, index)
        if folio in refused:
            continue
        if folio.order:
            if inside[folio] != folio.mapcount or inside[folio] < folio.pages:
                if folio.is_mapped_by_several or not mm.split_folio(table, folio):
                    refused.add(folio)
                    continue
                if table.states[index] & ZERO:
                    continue
                folio = mm.folio(table, index)
            own.append((index, folio))
        elif folio.mapcount == 1 or (shared and not folio.swapcache):
            own.append((index, folio))
    return own


# -- swapping out --------------------------------------------------------------------------------


def _pageout(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_PAGEOUT: reclaim pages that only this process maps."""
    if vma.locked or vma.special:
        raise refuse(errno.EINVAL)
    mm.update_hiwater()
    for base, pmd, first, last in mm.populated(start, end):
        table = _table_of(mm, base, pmd, first, last, _swap_out_huge)
        if table is None:
            continue
        ages = mm.kernel.version.pageout_ages
        for index, folio in _own_pages(mm, table, first, last):
            if table.states[index] & PRESENT:
                if ages:
                    table.states[index] &= ~YOUNG
                folio.referenced = False
                reclaim(mm, table, index)


def reclaim(mm: MmStruct, table: PageTable, index: int) -> None:
    """shrink_folio_list() for the page of one entry: drop it, or write it to swap."""
    kernel, state = mm.kernel, table.states[index]
    folio = mm.folio(table, index)
    if folio.locked or not folio.on_lru:
        return
    if folio.mapping is not None:
        _reclaim_cached(folio)
    elif folio.lazyfree and not state & DIRTY and not folio.pins:
        mm.clear_entry(table, index)
    elif kernel.memory.swap and folio.pins:
        _unmap_to_swap(mm, table, index, folio)
    elif kernel.memory.swap:
        kernel.memory.swap -= 1
        kernel.count("pswpout", 1, folio.memcg)
        mm.clear_entry(table, index)
        table.states[index] = SWAP | state & UFFD_WP


def _unmap_to_swap(mm: MmStruct, table: PageTable, index: int, folio: Folio) -> None:
    """A page that somebody holds goes as far as the swap cache."""
    slot = SwapSlot(1)
    slot.folio = folio
    folio.swapcache = True
    uffd = table.states[index] & UFFD_WP
    mm.kernel.memory.swap -= 1
    mm.clear_entry(table, index)
    table.objects[index] = slot
    table.states[index] = SWAP | OBJECT | uffd


def _reclaim_cached(folio: Folio) -> None:
    mapping = folio.mapping
    assert mapping is not None
    kernel = mapping.kernel
    mapping.unmap(folio)
    if folio.pins:
        return
    if mapping.is_shmem and not folio.dirty:
        mapping.remove(folio)
        return
    if not mapping.is_shmem:
        mapping.clean(folio)
        mapping.remove(folio, Absent(folio.index, folio.order, swapped=False))
        return
    if kernel.memory.swap < folio.pages:
        return
    kernel.memory.swap -= folio.pages
    if not folio.order or kernel.version.shmem_swaps_whole:
        kernel.count_swap_out(folio)
        mapping.remove(folio, Absent(folio.index, folio.order))
    elif mapping.split(folio):
        kernel.count("pswpout", folio.pages, folio.memcg)
        for index in range(folio.index, folio.index + folio.pages):
            small = mapping.folio(index)
            assert small is not None
            mapping.remove(small, Absent(index))


def _swap_out_huge(mm: MmStruct, base: int, pmd: HugePmd) -> None:
    """Write a huge page to swap in one piece, where there is swap for it."""
    kernel, folio = mm.kernel, pmd.folio
    if kernel.version.pageout_ages:
        pmd.state &= ~YOUNG
    if folio.pins or folio.locked:
        return
    if folio.mapping is not None:
        kernel.count("thp_split_pmd")
        _reclaim_cached(folio)
        return
    if folio.lazyfree and not pmd.state & DIRTY:
        mm.unmap_huge(base)
        return
    if kernel.memory.swap < folio.pages:
        return
    kernel.memory.swap -= folio.pages
    kernel.count_swap_out(folio)
    kernel.count("thp_split_pmd")
    mm.unmap_huge(base)
    table = mm.take_table(base)
    table.states[:] = bytes([SWAP | pmd.state & UFFD_WP]) * HPAGE_PMD_NR


# -- other advice --------------------------------------------------------------------------------


def _remove(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_REMOVE: punch a hole into the file."""
    if vma.locked or vma.mapping is None:
        raise refuse(errno.EINVAL)
    if not vma.shared:
        raise refuse(errno.EACCES)
    vma.mapping.punch(vma.page_of(start), vma.page_of(end))


def _hwpoison(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_HWPOISON: the pages are taken for broken, and touching them kills."""
    for _, table, first, last in mm.tables(start, end):
        for index in list(table.present(first, last)):
            mm.clear_entry(table, index)
            table.states[index] = MARKER


def _guard(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """MADV_GUARD_INSTALL: touching these pages is a segmentation fault."""
    if vma.locked or vma.special or not mm.kernel.version.has_guards:
        raise refuse(errno.EINVAL)
    anon_vma_prepare(mm, vma)
    vma.guarded = True
    mm.zap(start, end)
    for base, first, last in mm.ranges(start, end):
        table = mm.pmds.get(base) or mm.take_table(base)
        assert isinstance(table, PageTable)
        table.states[first:last] = bytes([MARKER]) * (last - first)


_VISITS: dict[str, _OnMapping] = {
    "dontneed": _dontneed,
    "free": _free,
    "cold": _cold,
    "pageout": _pageout,
    "collapse": madvise_collapse,
    "remove": _remove,
    "hwpoison": _hwpoison,
    "guard": _guard,
}

ADVICE = (*_FLAGS, *_VISITS)
"""All kinds, by the name after MADV_ in small letters."""
