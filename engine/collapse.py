"""Looking at a range of anonymous memory, and collapsing it when nothing speaks against it.

Modelled after mm/khugepaged.c: collapse_scan_pmd(), mthp_collapse().
"""

from __future__ import annotations

from engine.collapse_control import CollapseControl, find_pmd
from engine.collapse_huge_page import collapse_huge_page
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, PAGE_SIZE
from engine.memory import node_of
from engine.mm import MmStruct
from engine.page_table import UFFD_WP, YOUNG, PageTable, positions
from engine.pte_scan import (
    EXAMINE,
    EXCEEDED,
    KINDS,
    NONE_OR_ZERO,
    OCCUPIED,
    UNMAPPED,
    UNMAPPED_UFFD,
    WRITABLE,
    Limits,
    PteScan,
    count_exceeded,
    judge,
    limits_of,
    max_ptes_none,
    nth,
    pfn_before,
    unfit,
)
from engine.scan_result import ScanResult
from engine.thp import PMD
from engine.tracepoints import NO_PFN
from engine.vma import Vma

_R = ScanResult

SCAN_COST = 8_000
_SMALLEST_COLLAPSE = 2

_NAMES_FOLIO = frozenset(
    {
        _R.PAGE_LAZYFREE,
        _R.PAGE_ANON,
        _R.EXCEED_SHARED_PTE,
        _R.SCAN_ABORT,
        _R.PAGE_LRU,
        _R.PAGE_LOCK,
        _R.PAGE_COUNT,
    }
)
"""Results of a scan that are about one folio."""

_SMALLER_MAY_DO = frozenset(
    {
        _R.ALLOC_HUGE_PAGE_FAIL,
        _R.LACK_REFERENCED_PAGE,
        _R.EXCEED_NONE_PTE,
        _R.EXCEED_SWAP_PTE,
        _R.EXCEED_SHARED_PTE,
        _R.PAGE_LOCK,
        _R.PAGE_COUNT,
        _R.PAGE_NULL,
        _R.DEL_PAGE_LRU,
        _R.PTE_NON_PRESENT,
        _R.PTE_UFFD,
        _R.PAGE_LAZYFREE,
    }
)
"""Results after which a smaller size is tried at the same place."""


def collapse_scan_pmd(
    cc: CollapseControl, mm: MmStruct, vma: Vma, address: int, orders: int = PMD
) -> ScanResult:
    """Look at a range, and collapse it when nothing speaks against it.

    orders: sizes that the mapping may have.  Afterwards ``cc.lock_dropped`` says whether others
    had a chance meanwhile.
    """
    kernel = cc.kernel
    kernel.spend(SCAN_COST + int(kernel.random.random() * SCAN_COST))
    version = kernel.version
    found = find_pmd(kernel, mm, address)
    if not isinstance(found, PageTable):
        cc.progress += 1 if version.counts_ptes else HPAGE_PMD_NR
        _trace_scan(cc, mm, NO_PFN, 0, PteScan(b""), found)
        return found
    limits = limits_of(cc, vma)
    if orders != PMD:
        limits.none = HPAGE_PMD_NR - 1
    scan = _scan(cc, found, limits)
    cc.progress += min(scan.stop + 1, HPAGE_PMD_NR) if version.counts_ptes else HPAGE_PMD_NR
    writable = found.states.translate(WRITABLE).find(1, 0, scan.stop + 1) >= 0
    named = NO_PFN
    if not version.pfn_of_failure_only or scan.result in _NAMES_FOLIO:
        named = _last_pfn(cc, found, scan)
    result = scan.result or judge(cc, scan.referenced, scan.unmapped, writable=writable)
    if result is None:
        cc.lock_dropped = True
        result = _mthp_collapse(cc, mm, address, scan, orders)
    _trace_scan(cc, mm, named, int(writable), scan, result)
    return result


def _trace_scan(
    cc: CollapseControl, mm: MmStruct, pfn: int, writable: int, scan: PteScan, result: ScanResult
) -> None:
    cc.kernel.trace.mm_khugepaged_scan_pmd(
        mm.address,
        pfn,
        writable,
        scan.referenced,
        scan.none,
        cc.kernel.version.results[result],
        scan.unmapped,
    )


def _scan(cc: CollapseControl, table: PageTable, limits: Limits) -> PteScan:
    """The loop over the entries."""
    kinds = table.states.translate(KINDS)
    scan = PteScan(kinds)
    if scan.none > limits.none:
        scan.stop_at(nth(kinds, NONE_OR_ZERO, limits.none), _R.EXCEED_NONE_PTE)
    if UNMAPPED_UFFD in kinds:
        scan.stop_at(kinds.find(UNMAPPED_UFFD), _R.PTE_UFFD)
    if scan.unmapped > limits.swap:
        places = positions(kinds, UNMAPPED) + positions(kinds, UNMAPPED_UFFD)
        place = sorted(places)[limits.swap]
        if place <= scan.stop:
            scan.stop, scan.result = place, _R.EXCEED_SWAP_PTE
    if cc.counts_nodes:
        _scan_nodes(cc, table, scan)
    if EXAMINE in kinds:
        for place in positions(kinds, EXAMINE):
            if place >= scan.stop:
                break
            result = _examine(cc, table, place, scan, limits)
            if result is not None:
                scan.stop_at(place, result)
                break
    scan.count(referenced=cc.is_khugepaged)
    if scan.result in EXCEEDED:
        count_exceeded(cc, EXCEEDED[scan.result])
    return scan


def _examine(
    cc: CollapseControl, table: PageTable, index: int, scan: PteScan, limits: Limits
) -> ScanResult | None:
    """Look at an entry with a folio of its own; a result ends the scan."""
    state = table.states[index]
    if state & UFFD_WP:
        return _R.PTE_UFFD
    folio = table.folio(index)
    result = unfit(cc, table, index, folio, scan, limits)
    if result is None:
        if not folio.on_lru:
            result = _R.PAGE_LRU
        elif folio.locked:
            result = _R.PAGE_LOCK
        elif folio.pins:
            result = _R.PAGE_COUNT
    if result is None and cc.is_khugepaged and (state & YOUNG or folio.referenced):
        scan.referenced += 1
    return result


def _scan_nodes(cc: CollapseControl, table: PageTable, scan: PteScan) -> None:
    """Count pages by node; a far one ends the scan (collapse_scan_abort())."""
    cc.node_load.clear()
    for place in table.present(0, scan.stop):
        node = node_of(table.pfn(place))
        if cc.aborts_at(node):
            scan.stop_at(place, _R.SCAN_ABORT)
            return
        cc.node_load[node] += 1


def _last_pfn(cc: CollapseControl, table: PageTable, scan: PteScan) -> int:
    """The folio that was looked at last, or the one that stopped the scan."""
    end = scan.stop
    if scan.result in _NAMES_FOLIO:
        nameless = scan.result is _R.EXCEED_SHARED_PTE and not cc.kernel.version.shared_names_folio
        end += not nameless
    return pfn_before(table, scan.kinds, end)


# -- which sizes to try ----------------------------------------------------------------------


def _mthp_collapse(
    cc: CollapseControl, mm: MmStruct, address: int, scan: PteScan, orders: int
) -> ScanResult:
    """mthp_collapse(): try the largest size first, and smaller ones where that fails."""
    if orders == PMD:
        return collapse_huge_page(cc, mm, address, HPAGE_PMD_ORDER, scan)
    occupied = scan.kinds.translate(OCCUPIED)
    collapsed, alloc_failed, last = 0, False, _R.FAIL
    offset, order = 0, HPAGE_PMD_ORDER
    while offset < HPAGE_PMD_NR:
        pages = 1 << order
        smaller = orders & ((1 << order) - 1)
        stays = bool(smaller)
        if orders >> order & 1:
            present = occupied.count(1, offset, offset + pages)
            if order == HPAGE_PMD_ORDER:
                present += scan.unmapped
            if present >= pages - max_ptes_none(cc, order):
                result = collapse_huge_page(cc, mm, address + offset * PAGE_SIZE, order, scan)
                if result is _R.SUCCEED:
                    collapsed += pages
                    stays = False
                elif result is _R.PTE_MAPPED_HUGEPAGE:
                    stays = False
                else:
                    last = result
                    alloc_failed |= result is _R.ALLOC_HUGE_PAGE_FAIL
                    if result not in _SMALLER_MAY_DO:
                        break
        if stays and order > _SMALLEST_COLLAPSE:
            order -= 1
            continue
        offset += pages
        order = min(HPAGE_PMD_ORDER, (offset & -offset).bit_length() - 1)
    if collapsed:
        return _R.SUCCEED
    return _R.ALLOC_HUGE_PAGE_FAIL if alloc_failed else last
