"""Page faults of anonymous memory: mm/memory.c and mm/huge_memory.c.

Whoever watches a mapping with userfaultfd is taken to answer at once, so that a fault it is told
of goes on as if it had not been.
"""

from __future__ import annotations

from engine.folio import ALL_PAGES, HPAGE_PMD_ORDER, PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import (
    DIRTY,
    EXCLUSIVE,
    MARKER,
    MIGRATION,
    NEW_ANON,
    OBJECT,
    PRESENT,
    SWAP,
    UFFD_WP,
    WRITE,
    YOUNG,
    ZERO,
    ZERO_PAGE,
    HugePmd,
    PageTable,
    classes,
    positions,
    states_with,
)
from engine.signals import BusError, SegmentationFault
from engine.swap import SwapSlot
from engine.thp import Purpose
from engine.vma import AnonVma, Vma

_NEEDS_WRITE_FAULT = classes(dict.fromkeys(states_with(PRESENT | WRITE), 0), 1)
_NEEDS_READ_FAULT = classes(dict.fromkeys(states_with(PRESENT), 0), 1)
_WRITTEN = bytes(
    state | YOUNG | DIRTY if state & (PRESENT | WRITE) == PRESENT | WRITE else state
    for state in range(256)
)
_READ = bytes(state | YOUNG if state & PRESENT else state for state in range(256))
_WRITTEN_NEW = bytes([NEW_ANON]) + _WRITTEN[1:]
_READ_NEW = bytes([ZERO_PAGE]) + _READ[1:]


def anon_vma_prepare(mm: MmStruct, vma: Vma) -> None:
    """__anon_vma_prepare(): share that of a neighbour that could be one mapping with this."""
    if vma.anon_vma is not None:
        return
    before, after = mm.find_vma(vma.start - 1), mm.find_vma(vma.end)
    for other in (after, before):
        if other is not None and other is not vma and other.anon_vma and not other.anon_vma.forked:
            low, high = (vma, other) if vma.start < other.start else (other, vma)
            if low.end == high.start and _could_be_one(low, high):
                vma.anon_vma = other.anon_vma
                return
    vma.anon_vma = AnonVma()


def _could_be_one(low: Vma, high: Vma) -> bool:
    """anon_vma_compatible(): they differ in nothing but what mprotect(2) gives back."""
    ignored = {"readable", "writable", "executable"}
    one = {name: value for name, value in low.flags().items() if name not in ignored}
    two = {name: value for name, value in high.flags().items() if name not in ignored}
    return low.mapping is high.mapping and low.page_of(low.end) == high.pgoff and one == two


def touch(mm: MmStruct, vma: Vma, base: int, first: int, last: int, *, write: bool) -> None:
    """Access the pages [first, last) of a huge range."""
    pmd = mm.pmds.get(base) or _first_touch(mm, vma, base, write=write)
    if isinstance(pmd, HugePmd):
        if not write:
            pmd.state |= YOUNG
            return
        table = _write_huge(mm, vma, base, pmd)
        if table is None:
            written = mm.pmds[base]
            assert isinstance(written, HugePmd)
            written.folio.wrote(first, last)
            return
        pmd = table
    if write:
        _write(mm, vma, base, pmd, first, last)
    else:
        _read(mm, vma, pmd, first, last)


# -- huge pages ----------------------------------------------------------------------------


def _first_touch(mm: MmStruct, vma: Vma, base: int, *, write: bool) -> PageTable | HugePmd:
    """do_huge_pmd_anonymous_page(), else an empty page table."""
    kernel = mm.kernel
    allowed = kernel.thp.allowable_orders(vma, mm, Purpose.PAGE_FAULT, 1 << HPAGE_PMD_ORDER)
    if allowed and vma.spans(base):
        anon_vma_prepare(mm, vma)
        kernel.khugepaged.enter_vma(mm, vma)
        folio = None
        if kernel.thp.fault_allocates:
            zeroes = not write and kernel.thp.use_zero_page
            folio = kernel.huge_zero() if zeroes else _allocate_huge(mm, vma)
        if folio is not None:
            state = PRESENT | YOUNG | ZERO if folio.is_zero else NEW_ANON
            mm.map_huge(base, folio, state if vma.writable else state & ~WRITE)
            mm.count_faults()
            return mm.pmds[base]
    return mm.take_table(base)


def _allocate_huge(mm: MmStruct, vma: Vma) -> Folio | None:
    kernel = mm.kernel
    effort = kernel.thp.fault_effort(vma)
    folio = kernel.memory.allocate(HPAGE_PMD_ORDER, mm.node, effort)
    if folio is not None and kernel.charge(folio, mm, effort):
        folio.zeroes = ALL_PAGES
        kernel.count_size(HPAGE_PMD_ORDER, "nr_anon")
        kernel.count("thp_fault_alloc", 1, folio.memcg)
        kernel.count_size(HPAGE_PMD_ORDER, "anon_fault_alloc")
        return folio
    kernel.count("thp_fault_fallback")
    kernel.count_size(HPAGE_PMD_ORDER, "anon_fault_fallback")
    if folio is not None:
        kernel.count("thp_fault_fallback_charge")
        kernel.count_size(HPAGE_PMD_ORDER, "anon_fault_fallback_charge")
        kernel.memory.free(folio)
    return None


def _write_huge(mm: MmStruct, vma: Vma, base: int, pmd: HugePmd) -> PageTable | None:
    """do_huge_pmd_wp_page(): a table when the fault goes on by single pages."""
    folio = pmd.folio
    if not folio.is_zero:
        if not pmd.state & WRITE and not pmd.state & EXCLUSIVE:
            if folio.mapcount > 1 or folio.pins:
                return mm.split_pmd(base)
            pmd.state |= EXCLUSIVE
        pmd.state = (pmd.state | YOUNG | DIRTY | WRITE) & ~UFFD_WP
        return None
    if mm.kernel.version.huge_zero_becomes_huge:
        new = _allocate_huge(mm, vma)
        if new is not None:
            mm.unmap_huge(base)
            mm.map_huge(base, new, NEW_ANON)
            return None
    return mm.split_pmd(base)


# -- entries -------------------------------------------------------------------------------


def _write(mm: MmStruct, vma: Vma, base: int, table: PageTable, first: int, last: int) -> None:
    anon_vma_prepare(mm, vma)
    _write_entries(mm, vma, base, table, first, last)
    if table.objects:
        _note_written(table, first, last)


def _write_entries(
    mm: MmStruct, vma: Vma, base: int, table: PageTable, first: int, last: int
) -> None:
    states = table.states[first:last]
    faults = states.translate(_NEEDS_WRITE_FAULT)
    count = faults.count(1)
    if not count:
        table.states[first:last] = states.translate(_WRITTEN)
        return
    mm.count_faults(count)
    orders = mm.kernel.thp.fault_orders(vma, mm)
    all_new = count == states.count(0) and not table.lent and mm.owns_frame(table, first)
    if all_new and not orders:
        mm.charge(count)
        table.states[first:last] = states.translate(_WRITTEN_NEW)
        return
    table.states[first:last] = states.translate(_WRITTEN)
    for index in positions(faults, 1, first):
        if table.states[index]:
            write_fault(mm, vma, table, index)
        elif not (orders and _map_large(mm, vma, base, table, index, orders)):
            mm.map_new_page(table, index, NEW_ANON)


def _note_written(table: PageTable, first: int, last: int) -> None:
    for index in table.with_objects(first, last):
        folio = table.objects[index]
        if isinstance(folio, Folio) and folio.zeroes:
            page = table.pages.get(index, 0)
            folio.wrote(page, page + 1)


def _read(mm: MmStruct, vma: Vma, table: PageTable, first: int, last: int) -> None:
    states = table.states[first:last]
    faults = states.translate(_NEEDS_READ_FAULT)
    count = faults.count(1)
    table.states[first:last] = states.translate(_READ_NEW)
    if not count:
        return
    mm.count_faults(count)
    if count == states.count(0):
        return
    for index in positions(faults, 1, first):
        if not table.states[index] & PRESENT:
            swap_fault(mm, vma, table, index, write=False)


def _map_large(
    mm: MmStruct, vma: Vma, base: int, table: PageTable, index: int, orders: int
) -> bool:
    """alloc_anon_folio(): a folio of several pages, where all of them are missing."""
    kernel = mm.kernel
    vacant = False
    for order in reversed(range(1, HPAGE_PMD_ORDER)):
        pages = 1 << order
        first = index & -pages
        start = base + first * PAGE_SIZE
        if not orders >> order & 1 or start < vma.start or start + pages * PAGE_SIZE > vma.end:
            continue
        vacant = vacant or not any(table.states[first : first + pages])
        if not vacant:
            continue
        folio = kernel.allocate_anon(mm, order, kernel.thp.fault_effort(vma))
        if folio is None:
            kernel.count_size(order, "anon_fault_fallback")
            continue
        kernel.count_size(order, "anon_fault_alloc")
        folio.zeroes = (1 << pages) - 1
        for page in range(pages):
            mm.map_folio(table, first + page, folio, NEW_ANON, page)
        return True
    return False


def write_fault(mm: MmStruct, vma: Vma, table: PageTable, index: int) -> None:
    """A write to an entry that is not empty and does not allow it: do_wp_page()."""
    state = table.states[index]
    if not state & PRESENT:
        swap_fault(mm, vma, table, index, write=True)
        state = table.states[index]
        if state & WRITE:
            table.states[index] |= DIRTY
            return
    if state & ZERO:
        table.states[index] = 0
        mm.map_new_page(table, index, NEW_ANON)
        return
    if not state & EXCLUSIVE and not _may_reuse(mm, table, index):
        mm.clear_entry(table, index)
        mm.map_new_page(table, index, NEW_ANON)
        return
    table.states[index] = (state | YOUNG | DIRTY | WRITE | EXCLUSIVE) & ~UFFD_WP


def _may_reuse(mm: MmStruct, table: PageTable, index: int) -> bool:
    """wp_can_reuse_anon_folio(): nobody else refers to the page."""
    if not table.states[index] & OBJECT:
        return True
    folio = table.folio(index)
    if not folio.anon or folio.pins:
        return False
    if folio.order:
        return mm.kernel.version.reuses_large and not folio.is_mapped_by_several
    return folio.mapcount == 1


# -- entries that are not present ------------------------------------------------------------


def swap_fault(mm: MmStruct, vma: Vma, table: PageTable, index: int, *, write: bool) -> None:
    """do_swap_page() for one entry, which is present afterwards.

    Raises BusError or SegmentationFault at markers that no fault may pass.
    """
    state = table.states[index]
    if state & MARKER:
        if state & UFFD_WP:
            table.states[index] = 0
            return
        raise SegmentationFault if vma.guarded else BusError
    if state & MIGRATION:
        table.states[index] = state & (OBJECT | UFFD_WP) | PRESENT | YOUNG
        return
    assert state & SWAP
    kernel = mm.kernel
    new = PRESENT | YOUNG | state & UFFD_WP
    writes = (write or kernel.version.swapin_restores_write) and vma.writable
    alone = EXCLUSIVE | (WRITE if writes and not state & UFFD_WP else 0)
    slot = table.objects.pop(index, None)
    table.states[index] = 0
    mm.count_major_fault()
    if not isinstance(slot, SwapSlot):
        mm.map_new_page(table, index, new | alone)
        kernel.memory.swap += 1
        kernel.count("pswpin", 1, mm.memcg)
        return
    if slot.folio is None:
        slot.folio = kernel.allocate_anon(mm, 0)
        assert slot.folio is not None
        slot.folio.swapcache = True
        kernel.count("pswpin", 1, mm.memcg)
    folio = slot.folio
    mm.map_folio(table, index, folio, new)
    kernel.put_swap(slot)
    if folio.mapcount == 1 and not folio.swapcache:
        table.states[index] |= alone
