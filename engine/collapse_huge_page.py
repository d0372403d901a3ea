"""Moving a range of anonymous memory into a huge page, or a smaller folio.

Modelled after mm/khugepaged.c: collapse_huge_page(), __collapse_huge_page_swapin(),
__collapse_huge_page_isolate(), __collapse_huge_page_copy().
"""

from __future__ import annotations

from engine.anon_fault import swap_fault
from engine.collapse_control import CollapseControl, alloc_charge_folio, find_pmd, revalidate
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import (
    MIGRATION,
    NEW_ANON,
    PRESENT,
    UFFD_WP,
    WRITE,
    YOUNG,
    PageTable,
    positions,
)
from engine.pte_scan import (
    EXAMINE,
    EXCEEDED,
    KINDS,
    NONE_OR_ZERO,
    UNMAPPED,
    UNMAPPED_UFFD,
    WRITABLE,
    Limits,
    PteScan,
    count_exceeded,
    judge,
    limits_of,
    nth,
    pfn_before,
    unfit,
)
from engine.scan_result import ScanResult
from engine.vma import Vma

_R = ScanResult

COLLAPSE_COST = 250_000
_SWAPIN_COST = 40_000


def collapse_huge_page(
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: PteScan
) -> ScanResult:
    """Allocate 1 << order pages and move those from an address on into them."""
    result = _collapse(cc, mm, start, order, scanned)
    cc.kernel.trace.mm_collapse_huge_page(
        mm.address, int(result is _R.SUCCEED), cc.kernel.version.results[result], order
    )
    return result


def _collapse(
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: PteScan
) -> ScanResult:
    kernel = cc.kernel
    folio = alloc_charge_folio(cc, mm, order)
    if isinstance(folio, ScanResult):
        return folio
    kernel.meanwhile("alloc")
    result = _swapin_and_isolate(cc, mm, start, order, scanned)
    if not isinstance(result, ScanResult):
        kernel.spend(COLLAPSE_COST + kernel.random.randrange(COLLAPSE_COST))
        table, vma = result
        if _copy_fails(cc, table, start, order):
            result = _R.COPY_MC
        else:
            _install(mm, vma, table, start, order, folio)
            return _R.SUCCEED
    kernel.free_folio(folio)
    return result


def _swapin_and_isolate(
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: PteScan
) -> ScanResult | tuple[PageTable, Vma]:
    """Take hold of a range: its table and mapping, or why that is not possible."""
    kernel = cc.kernel
    base = start & -HPAGE_PMD_SIZE
    first = (start - base) // PAGE_SIZE
    vma = revalidate(cc, mm, start, order, expect_anon=True)
    if isinstance(vma, ScanResult):
        return vma
    table = find_pmd(kernel, mm, base)
    if isinstance(table, ScanResult):
        return table
    if scanned.unmapped:
        result = _swapin(cc, mm, vma, table, first, order, scanned.referenced)
        if result is not _R.SUCCEED:
            return result
    kernel.meanwhile("isolate")
    vma = revalidate(cc, mm, start, order, expect_anon=True)
    if isinstance(vma, ScanResult):
        return vma
    again = find_pmd(kernel, mm, base)
    if again is not table:
        return again if isinstance(again, ScanResult) else _R.FAIL
    result = _isolate(cc, vma, table, first, order)
    return (table, vma) if result is _R.SUCCEED else result


def _swapin(
    cc: CollapseControl,
    mm: MmStruct,
    vma: Vma,
    table: PageTable,
    first: int,
    order: int,
    referenced: int,
) -> ScanResult:
    """__collapse_huge_page_swapin(): bring all swapped pages back."""
    kernel = cc.kernel
    swapped_in, result = 0, _R.SUCCEED
    for index in range(first, first + (1 << order)):
        state = table.states[index]
        if not state or state & PRESENT:
            continue
        if order != HPAGE_PMD_ORDER:
            kernel.count_size(order, "collapse_exceed_swap_pte")
            result = _R.EXCEED_SWAP_PTE
            break
        if state & MIGRATION and table.folio(index).locked:
            result = _R.PAGE_LOCK
            break
        try:
            swap_fault(mm, vma, table, index, write=False)
        except OSError:
            result = _R.FAIL
            break
        swapped_in += 1
        kernel.spend(_SWAPIN_COST)
    returned = kernel.version.results[result]
    if not kernel.version.swapin_returns_result:
        returned = int(result is _R.SUCCEED)
    kernel.trace.mm_collapse_huge_page_swapin(mm.address, swapped_in, referenced, returned, order)
    return result


def _isolate(cc: CollapseControl, vma: Vma, table: PageTable, first: int, order: int) -> ScanResult:
    """__collapse_huge_page_isolate(): the same checks again, with the pages held."""
    limits = limits_of(cc, vma, order)
    kinds = table.states[first : first + (1 << order)].translate(KINDS)
    scan = PteScan(kinds)
    if scan.none > limits.none:
        scan.stop_at(nth(kinds, NONE_OR_ZERO, limits.none), _R.EXCEED_NONE_PTE)
    for kind in (UNMAPPED, UNMAPPED_UFFD):
        if kind in kinds:
            scan.stop_at(kinds.find(kind), _R.PTE_NON_PRESENT)
    held: set[Folio] = set()
    for place in positions(kinds, EXAMINE):
        if place >= scan.stop:
            break
        result = _hold(cc, table, first + place, order, scan, limits, held)
        if result is not None:
            scan.stop_at(place, result)
    scan.count(referenced=cc.is_khugepaged)
    writable = 1 in table.states[first : first + scan.stop + 1].translate(WRITABLE)
    result = scan.result or judge(cc, scan.referenced, 0, writable=writable) or _R.SUCCEED
    if result in EXCEEDED:
        count_exceeded(cc, EXCEEDED[result], order)
    passed = result in (_R.EXCEED_NONE_PTE, _R.PTE_NON_PRESENT, _R.PTE_UFFD, _R.PAGE_NULL)
    cc.kernel.trace.mm_collapse_huge_page_isolate(
        pfn_before(table, kinds, scan.stop + (0 if passed else 1), first),
        scan.none,
        scan.referenced,
        int(writable),
        cc.kernel.version.results[result],
        order,
    )
    return result


def _hold(
    cc: CollapseControl,
    table: PageTable,
    index: int,
    order: int,
    scan: PteScan,
    limits: Limits,
    held: set[Folio],
) -> ScanResult | None:
    """Lock a folio and take it off the LRU; a result ends the isolation."""
    state = table.states[index]
    if state & UFFD_WP:
        return _R.PTE_UFFD
    folio = table.folio(index)
    result = unfit(cc, table, index, folio, scan, limits)
    if result is not None:
        return result
    if order < HPAGE_PMD_ORDER and folio.order >= order:
        return _R.PTE_MAPPED_HUGEPAGE
    if folio not in held:
        if folio.locked:
            return _R.PAGE_LOCK
        if folio.pins:
            return _R.PAGE_COUNT
        if not folio.on_lru:
            return _R.DEL_PAGE_LRU
        if folio.order:
            held.add(folio)
    if cc.is_khugepaged and (state & YOUNG or folio.referenced):
        scan.referenced += 1
    return None


def _copy_fails(cc: CollapseControl, table: PageTable, start: int, order: int) -> bool:
    """copy_mc_user_highpage(): a page turns out to be bad when it is read."""
    if not cc.kernel.version.copies_safely:
        return False
    first = start % HPAGE_PMD_SIZE // PAGE_SIZE
    found = (table.objects[i] for i in table.with_objects(first, first + (1 << order)))
    return any(isinstance(folio, Folio) and folio.poisoned for folio in found)


def _zeroes(table: PageTable, first: int, order: int) -> int:
    """Bits of the pages of a range that are zeroes."""
    last = first + (1 << order)
    kinds = table.states[first:last].translate(KINDS)
    found = sum(1 << place for place in positions(kinds, NONE_OR_ZERO))
    for index in table.with_objects(first, last):
        folio = table.objects[index]
        if isinstance(folio, Folio) and folio.zeroes >> table.pages.get(index, 0) & 1:
            found |= 1 << (index - first)
    return found


def _install(
    mm: MmStruct, vma: Vma, table: PageTable, start: int, order: int, folio: Folio
) -> None:
    """Map the new pages in the place of the old ones."""
    state = NEW_ANON if vma.writable else NEW_ANON & ~WRITE
    mm.kernel.count_size(order, "nr_anon")
    base = start & -HPAGE_PMD_SIZE
    first = (start - base) // PAGE_SIZE
    folio.zeroes = _zeroes(table, first, order)
    batched = mm.kernel.version.collapse_unmaps_in_batches
    mm.clear_entries(table, first, first + (1 << order), batched=batched)
    if order == HPAGE_PMD_ORDER:
        mm.drop_table(base)
        mm.map_huge(base, folio, state)
        return
    for page in range(folio.pages):
        mm.map_folio(table, first + page, folio, state, page)
