"""Collapsing anonymous memory: looking at a range, and moving it into a huge page.

Modelled after mm/khugepaged.c: collapse_scan_pmd(), mthp_collapse(), collapse_huge_page(),
__collapse_huge_page_swapin(), __collapse_huge_page_isolate().
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.anon_fault import swap_fault
from engine.collapse_control import CollapseControl, alloc_charge_folio, find_pmd, revalidate
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.memory import node_of
from engine.mm import MmStruct
from engine.page_table import (
    DIRTY,
    MIGRATION,
    NEW_ANON,
    OBJECT,
    PRESENT,
    UFFD_WP,
    WRITE,
    YOUNG,
    ZERO,
    PageTable,
    classes,
    positions,
    states_with,
)
from engine.scan_result import ScanResult
from engine.thp import PMD
from engine.tracepoints import NO_PFN
from engine.vma import Vma

_R = ScanResult

SCAN_COST = 8_000
COLLAPSE_COST = 250_000
_SWAPIN_COST = 40_000
_MIN_REFERENCED = HPAGE_PMD_NR // 2
"""Pages in use that a range with swapped ones must have."""

_SMALLEST_COLLAPSE = 2

_NONE, _OLD, _YOUNG, _UNMAPPED, _UNMAPPED_UFFD, _EXAMINE = range(6)
"""What an entry is to a scan; one to be examined has something that must be looked at singly."""


def _class_of(state: int) -> int:
    if not state or state & (PRESENT | ZERO) == PRESENT | ZERO:
        return _NONE
    if not state & PRESENT:
        return _UNMAPPED_UFFD if state & UFFD_WP else _UNMAPPED
    if state & (OBJECT | UFFD_WP):
        return _EXAMINE
    return _YOUNG if state & YOUNG else _OLD


_CLASSES = bytes(_class_of(state) for state in range(256))
_OCCUPIED = bytes(kind in (_OLD, _YOUNG, _EXAMINE) for kind in range(256))
_WRITABLE = classes(dict.fromkeys(states_with(PRESENT | WRITE), 1), 0)

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


@dataclass
class Limits:
    """What a range may have and still collapse."""

    none: int = HPAGE_PMD_NR
    swap: int = HPAGE_PMD_NR
    shared: int = HPAGE_PMD_NR


def limits_of(cc: CollapseControl, vma: Vma, order: int = HPAGE_PMD_ORDER) -> Limits:
    """Those of the knobs for khugepaged, none for madvise; userfaultfd wants no holes."""
    limits = Limits(none=max_ptes_none(cc, order))
    if cc.is_khugepaged:
        knobs = cc.kernel.thp.khugepaged
        whole = order == HPAGE_PMD_ORDER
        limits.swap = knobs.max_ptes_swap if whole else 0
        limits.shared = knobs.max_ptes_shared if whole else 0
    if vma.uffd_armed:
        limits.none = 0
    return limits


def max_ptes_none(cc: CollapseControl, order: int) -> int:
    """Missing pages that a block may have; for small blocks it is all but one, or none."""
    if not cc.is_khugepaged:
        return 1 << order
    knob = cc.kernel.thp.khugepaged.max_ptes_none
    if order == HPAGE_PMD_ORDER:
        return knob
    return (1 << order) - 1 if knob == HPAGE_PMD_NR - 1 else 0


class _Scan:
    """What was counted of entries [first, last) of a table until something stopped it."""

    __slots__ = ("kinds", "none", "referenced", "result", "shared", "stop", "unmapped")

    def __init__(self, kinds: bytes | bytearray) -> None:
        self.kinds = kinds
        self.stop = len(kinds)
        """Place at which it stopped."""

        self.result = _R.SUCCEED
        self.none = 0
        self.unmapped = 0
        self.shared = 0
        self.referenced = 0

    def stop_at(self, place: int, result: ScanResult) -> None:
        """Something is wrong at a place; what is wrong before it counts more."""
        if place < self.stop:
            self.stop, self.result = place, result

    def count(self, *, referenced: bool) -> None:
        """Count what was passed, and the entry at which it stopped."""
        end = self.stop + 1
        self.none = self.kinds.count(_NONE, 0, end)
        self.unmapped = self.kinds.count(_UNMAPPED, 0, end)
        self.unmapped += self.kinds.count(_UNMAPPED_UFFD, 0, end)
        if referenced:
            self.referenced += self.kinds.count(_YOUNG, 0, self.stop)


def _nth(data: bytes | bytearray, value: int, count: int) -> int:
    """Where a byte occurs after it has occurred so many times."""
    at = data.find(value)
    for _ in range(count):
        at = data.find(value, at + 1)
    return at


# -- looking at a range --------------------------------------------------------------------


def collapse_scan_pmd(
    cc: CollapseControl, mm: MmStruct, vma: Vma, address: int, orders: int = PMD
) -> ScanResult:
    """Look at a range, and collapse it when nothing speaks against it.

    orders: sizes that the mapping may have.  Afterwards ``cc.lock_dropped`` says whether others
    had a chance meanwhile.
    """
    kernel = cc.kernel
    kernel.spend(SCAN_COST + kernel.random.randrange(SCAN_COST))
    version = kernel.version
    found = find_pmd(kernel, mm, address)
    if isinstance(found, ScanResult):
        cc.progress += 1 if version.counts_ptes else HPAGE_PMD_NR
        _trace_scan(cc, mm, NO_PFN, 0, _Scan(b""), found)
        return found
    limits = limits_of(cc, vma)
    if orders != PMD:
        limits.none = HPAGE_PMD_NR - 1
    scan = _scan(cc, found, limits)
    cc.progress += min(scan.stop + 1, HPAGE_PMD_NR) if version.counts_ptes else HPAGE_PMD_NR
    writable = 1 in found.states[: scan.stop + 1].translate(_WRITABLE)
    named = NO_PFN
    if not version.pfn_of_failure_only or scan.result in _NAMES_FOLIO:
        named = _last_pfn(cc, found, scan)
    result = scan.result
    if result is _R.SUCCEED:
        result = _judge(cc, scan.referenced, scan.unmapped, writable=writable)
    if result is _R.SUCCEED:
        cc.lock_dropped = True
        result = _mthp_collapse(cc, mm, address, scan, orders)
    _trace_scan(cc, mm, named, int(writable), scan, result)
    return result


def _trace_scan(
    cc: CollapseControl, mm: MmStruct, pfn: int, writable: int, scan: _Scan, result: ScanResult
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


def _judge(cc: CollapseControl, referenced: int, unmapped: int, *, writable: bool) -> ScanResult:
    """What a range is worth of which each entry would do."""
    if cc.kernel.version.needs_writable and not writable:
        return _R.PAGE_RO
    lacking = referenced == 0 or (unmapped and referenced < _MIN_REFERENCED)
    return _R.LACK_REFERENCED_PAGE if cc.is_khugepaged and lacking else _R.SUCCEED


def _scan(cc: CollapseControl, table: PageTable, limits: Limits) -> _Scan:
    """The loop over the entries."""
    kinds = table.states.translate(_CLASSES)
    scan = _Scan(kinds)
    if kinds.count(_NONE) > limits.none:
        scan.stop_at(_nth(kinds, _NONE, limits.none), _R.EXCEED_NONE_PTE)
    unmapped = kinds.count(_UNMAPPED)
    with_uffd = kinds.count(_UNMAPPED_UFFD)
    if with_uffd:
        scan.stop_at(kinds.find(_UNMAPPED_UFFD), _R.PTE_UFFD)
    if unmapped + with_uffd > limits.swap:
        places = positions(kinds, _UNMAPPED) + positions(kinds, _UNMAPPED_UFFD)
        place = sorted(places)[limits.swap]
        if place <= scan.stop:
            scan.stop, scan.result = place, _R.EXCEED_SWAP_PTE
    if cc.counts_nodes:
        _scan_nodes(cc, table, scan)
    if _EXAMINE in kinds:
        for place in positions(kinds, _EXAMINE):
            if place >= scan.stop:
                break
            result = _examine(cc, table, place, scan, limits)
            if result is not None:
                scan.stop_at(place, result)
                break
    scan.count(referenced=cc.is_khugepaged)
    counter = _EXCEEDED.get(scan.result)
    if counter is not None:
        count_exceeded(cc, counter)
    return scan


_EXCEEDED = {
    _R.EXCEED_NONE_PTE: ("thp_scan_exceed_none_pte", "collapse_exceed_none_pte"),
    _R.EXCEED_SWAP_PTE: ("thp_scan_exceed_swap_pte", "collapse_exceed_swap_pte"),
    _R.EXCEED_SHARED_PTE: ("thp_scan_exceed_share_pte", "collapse_exceed_shared_pte"),
}
"""The counters of /proc/vmstat and of a size for a limit that was passed."""


def count_exceeded(
    cc: CollapseControl, counters: tuple[str, str], order: int = HPAGE_PMD_ORDER
) -> None:
    if order == HPAGE_PMD_ORDER:
        cc.kernel.count(counters[0])
    cc.kernel.count_size(order, counters[1])


def _examine(
    cc: CollapseControl, table: PageTable, index: int, scan: _Scan, limits: Limits
) -> ScanResult | None:
    """Look at an entry with a folio of its own; a result ends the scan."""
    state = table.states[index]
    if state & UFFD_WP:
        return _R.PTE_UFFD
    folio = table.folio(index)
    result = _unfit(cc, table, index, folio, scan, limits)
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


def _unfit(
    cc: CollapseControl, table: PageTable, index: int, folio: Folio, scan: _Scan, limits: Limits
) -> ScanResult | None:
    """The checks that a scan and an isolation begin with."""
    version = cc.kernel.version
    if folio.device:
        return _R.PAGE_NULL
    if (
        version.spares_lazyfree
        and cc.is_khugepaged
        and folio.lazyfree
        and not table.states[index] & DIRTY
    ):
        return _R.PAGE_LAZYFREE
    if not folio.anon:
        return _R.PAGE_ANON
    if version.is_shared(folio, table.pages.get(index, 0)):
        scan.shared += 1
        if scan.shared > limits.shared:
            return _R.EXCEED_SHARED_PTE
    return None


def _scan_nodes(cc: CollapseControl, table: PageTable, scan: _Scan) -> None:
    """Count pages by node; a far one ends the scan (collapse_scan_abort())."""
    cc.node_load.clear()
    for place in table.present(0, scan.stop):
        node = node_of(table.pfn(place))
        if cc.aborts_at(node):
            scan.stop_at(place, _R.SCAN_ABORT)
            return
        cc.node_load[node] += 1


def _last_pfn(cc: CollapseControl, table: PageTable, scan: _Scan) -> int:
    """The folio that was looked at last, or the one that stopped the scan."""
    end = scan.stop
    nameless = scan.result is _R.EXCEED_SHARED_PTE and not cc.kernel.version.shared_names_folio
    if scan.result in _NAMES_FOLIO and not nameless:
        end += 1
    return _pfn_before(table, scan.kinds, end)


def _pfn_before(table: PageTable, kinds: bytes | bytearray, end: int, base: int = 0) -> int:
    """The folio of the last present entry before a place."""
    last = max(kinds.rfind(kind, 0, end) for kind in (_OLD, _YOUNG, _EXAMINE))
    return table.pfn(base + last) if last >= 0 else NO_PFN


# -- which sizes to try ----------------------------------------------------------------------


def _mthp_collapse(
    cc: CollapseControl, mm: MmStruct, address: int, scan: _Scan, orders: int
) -> ScanResult:
    """mthp_collapse(): try the largest size first, and smaller ones where that fails."""
    if orders == PMD:
        return collapse_huge_page(cc, mm, address, HPAGE_PMD_ORDER, scan)
    occupied = scan.kinds.translate(_OCCUPIED)
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


# -- moving a range --------------------------------------------------------------------------


def collapse_huge_page(
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: _Scan
) -> ScanResult:
    """Allocate 1 << order pages and move those from an address on into them."""
    result = _collapse(cc, mm, start, order, scanned)
    cc.kernel.trace.mm_collapse_huge_page(
        mm.address, int(result is _R.SUCCEED), cc.kernel.version.results[result], order
    )
    return result


def _collapse(
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: _Scan
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
    cc: CollapseControl, mm: MmStruct, start: int, order: int, scanned: _Scan
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
    kinds = table.states[first : first + (1 << order)].translate(_CLASSES)
    scan = _Scan(kinds)
    if kinds.count(_NONE) > limits.none:
        scan.stop_at(_nth(kinds, _NONE, limits.none), _R.EXCEED_NONE_PTE)
    for kind in (_UNMAPPED, _UNMAPPED_UFFD):
        if kind in kinds:
            scan.stop_at(kinds.find(kind), _R.PTE_NON_PRESENT)
    held: set[Folio] = set()
    for place in positions(kinds, _EXAMINE):
        if place >= scan.stop:
            break
        result = _hold(cc, table, first + place, order, scan, limits, held)
        if result is not None:
            scan.stop_at(place, result)
    scan.count(referenced=cc.is_khugepaged)
    result = scan.result
    writable = 1 in table.states[first : first + scan.stop + 1].translate(_WRITABLE)
    if result is _R.SUCCEED:
        result = _judge(cc, scan.referenced, 0, writable=writable)
    counters = _EXCEEDED.get(result)
    if counters is not None:
        count_exceeded(cc, counters, order)
    passed = result in (_R.EXCEED_NONE_PTE, _R.PTE_NON_PRESENT, _R.PTE_UFFD, _R.PAGE_NULL)
    cc.kernel.trace.mm_collapse_huge_page_isolate(
        _pfn_before(table, kinds, scan.stop + (0 if passed else 1), first),
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
    scan: _Scan,
    limits: Limits,
    held: set[Folio],
) -> ScanResult | None:
    """Lock a folio and take it off the LRU; a result ends the isolation."""
    state = table.states[index]
    if state & UFFD_WP:
        return _R.PTE_UFFD
    folio = table.folio(index)
    result = _unfit(cc, table, index, folio, scan, limits)
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
    kinds = table.states[first:last].translate(_CLASSES)
    found = sum(1 << place for place in positions(kinds, _NONE))
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
