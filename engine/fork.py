"""fork(2), as far as memory goes: dup_mmap() in kernel/fork.c, copy_page_range() in mm/memory.c."""

from __future__ import annotations

from engine.folio import Folio
from engine.mm import MmStruct
from engine.page_table import (
    DIRTY,
    EXCLUSIVE,
    MARKER,
    OBJECT,
    PRESENT,
    SWAP,
    UFFD_WP,
    WRITE,
    YOUNG,
    ZERO,
    HugePmd,
    PageTable,
)
from engine.swap import SwapSlot
from engine.vma import AnonVma, Vma


def dup_mmap(mm: MmStruct, child: MmStruct) -> None:
    """Give a child what its parent has: private pages are shared until somebody writes."""
    child.thp_disabled = mm.thp_disabled
    child.memcg, child.node = mm.memcg, mm.node
    child.arguments, child.exe_file = mm.arguments, mm.exe_file
    for vma in mm.vmas:
        if vma.dontfork:
            continue
        copy = Vma(vma.start, vma.end, vma.mapping, vma.pgoff, **vma.flags())
        copy.anon_vma = AnonVma(forked=True) if vma.anon_vma is not None else None
        copy.name = vma.name
        copy.locked = copy.uffd_wp = copy.uffd_missing = False
        child.vmas.append(copy)
        if vma.mapping is not None:
            vma.mapping.open(child)
        if vma.anon_vma is not None or vma.is_anonymous:
            _copy_page_range(mm, child, vma)
    if mm.registered:
        mm.kernel.khugepaged.enter(child)


def _copy_page_range(mm: MmStruct, child: MmStruct, vma: Vma) -> None:
    for base, pmd, first, last in mm.populated(vma.start, vma.end):
        table = pmd if isinstance(pmd, PageTable) else None
        if isinstance(pmd, HugePmd):
            if not pmd.folio.anon:
                continue  # a fault brings it back
            pmd.state &= ~(WRITE | EXCLUSIVE)
            child.map_huge(base, pmd.folio, pmd.state & ~(YOUNG | UFFD_WP))
            continue
        if table is None:
            continue
        copy = child.pmds.get(base) or child.take_table(base)
        assert isinstance(copy, PageTable)
        for index in range(first, last):
            if table.states[index]:
                _copy_entry(mm, child, vma, table, copy, index)


def _copy_entry(
    mm: MmStruct, child: MmStruct, vma: Vma, table: PageTable, copy: PageTable, index: int
) -> None:
    """copy_pte_range() for one entry."""
    state = table.states[index]
    if not state & PRESENT:
        if state & MARKER:
            if not state & UFFD_WP:
                copy.states[index] = state
        elif state & SWAP:
            _copy_swap(table, copy, index)
        else:
            table.states[index] &= ~EXCLUSIVE
            _share(child, table.folio(index), copy, index, state, table.pages.get(index, 0))
        return
    if state & ZERO:
        copy.states[index] = state & ~(YOUNG | UFFD_WP)
        return
    folio = mm.folio(table, index)
    if not vma.shared:
        table.states[index] &= ~(WRITE | EXCLUSIVE)
    kept = table.states[index] & ~(YOUNG | UFFD_WP | (DIRTY if vma.shared else 0))
    _share(child, folio, copy, index, kept, table.pages.get(index, 0))


def _share(
    child: MmStruct, folio: Folio, copy: PageTable, index: int, state: int, page: int
) -> None:
    child.map_folio(copy, index, folio, state & ~OBJECT, page)


def _copy_swap(table: PageTable, copy: PageTable, index: int) -> None:
    """swap_duplicate(): both refer to the same slot."""
    slot = table.objects.get(index)
    if not isinstance(slot, SwapSlot):
        slot = SwapSlot(1)
    slot.count += 1
    for one in (table, copy):
        one.objects[index] = slot
        one.states[index] = SWAP | OBJECT
