"""Collapsing one range of anonymous memory into a huge page.

Modelled after mm/khugepaged.c: collapse_scan_pmd(), collapse_huge_page(),
__collapse_huge_page_swapin(), __collapse_huge_page_isolate().
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, Folio
from engine.page_table import SWAP, UFFD_WP, WRITE, YOUNG, ZERO, PageTable
from engine.scan_result import ScanResult
from engine.tracepoints import NO_PFN

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.mm import MmStruct
    from engine.vma import Vma

_SCAN_COST = 8_000
_COLLAPSE_COST = 250_000
_SWAPIN_COST = 40_000
_MIN_REFERENCED = HPAGE_PMD_NR // 2
"""Pages in use that a range with swapped ones must have."""

_R = ScanResult


@dataclass
class Attempt:
    """How a look at one range ended."""

    result: ScanResult
    looked_at: int = 1
    """Entries that were looked at."""

    lock_dropped: bool = False


@dataclass
class _Limits:
    """What a range may have and still collapse."""

    none: int = HPAGE_PMD_NR
    swap: int = HPAGE_PMD_NR
    shared: int = HPAGE_PMD_NR

    @classmethod
    def of(cls, kernel: Kernel, vma: Vma, *, khugepaged: bool) -> _Limits:
        """Those of the knobs for khugepaged, none for MADV_COLLAPSE; userfaultfd wants no holes."""
        knobs = kernel.thp.khugepaged
        limits = cls()
        if khugepaged:
            limits = cls(knobs.max_ptes_none, knobs.max_ptes_swap, knobs.max_ptes_shared)
        if vma.uffd_wp:
            limits.none = 0
        return limits


@dataclass
class _Count:
    """What was counted of a range."""

    none: int = 0
    unmapped: int = 0
    shared: int = 0
    referenced: int = 0
    writable: bool = False
    folio: Folio | None = None
    """The last one looked at."""


def find_pmd(kernel: Kernel, mm: MmStruct, address: int) -> PageTable | ScanResult:
    """find_pmd_or_thp_or_none(): the page table of a range, or why there is none."""
    pmd = mm.pmds.get(address)
    if isinstance(pmd, PageTable):
        return pmd
    if pmd is not None:
        return _R.PMD_MAPPED
    return _R.NO_PTE_TABLE if _R.NO_PTE_TABLE in kernel.version.results else _R.PMD_NONE


def collapse_scan_pmd(
    kernel: Kernel, mm: MmStruct, vma: Vma, address: int, *, khugepaged: bool
) -> Attempt:
    """Look at a range, and collapse it when nothing speaks against it."""
    kernel.spend(_SCAN_COST + kernel.random.randrange(_SCAN_COST))
    version = kernel.version
    count = _Count()
    attempt = Attempt(_R.FAIL)
    failing: Folio | None = None
    found = find_pmd(kernel, mm, address)
    if isinstance(found, ScanResult):
        attempt.result = found
    else:
        limits = _Limits.of(kernel, vma, khugepaged=khugepaged)
        attempt.result, attempt.looked_at = _scan(
            kernel, found, count, limits, khugepaged=khugepaged
        )
        failing = count.folio if attempt.result in _NAMES_FOLIO else None
    if attempt.result is _R.SUCCEED:
        attempt.lock_dropped = True
        attempt.result = collapse_huge_page(
            kernel, mm, address, count, limits, khugepaged=khugepaged
        )
    named = failing if version.pfn_of_failure_only else count.folio
    kernel.trace.mm_khugepaged_scan_pmd(
        mm.address,
        named.pfn if named is not None else NO_PFN,
        int(count.writable),
        count.referenced,
        count.none,
        version.results[attempt.result],
        count.unmapped,
    )
    return attempt


_NAMES_FOLIO = frozenset(
    {_R.PAGE_LAZYFREE, _R.EXCEED_SHARED_PTE, _R.PAGE_LRU, _R.PAGE_LOCK, _R.PAGE_COUNT}
)
"""Results that are about one folio."""


def _scan(
    kernel: Kernel, table: PageTable, count: _Count, limits: _Limits, *, khugepaged: bool
) -> tuple[ScanResult, int]:
    """The loop over the entries: result, and how many were looked at."""
    version = kernel.version
    for index, state in enumerate(table.states):
        result = _scan_entry(kernel, table, index, state, count, limits, khugepaged=khugepaged)
        if result is not None:
            return result, index + 1
    if version.needs_writable and not count.writable:
        return _R.PAGE_RO, HPAGE_PMD_NR
    lacking = count.referenced == 0 or (count.unmapped and count.referenced < _MIN_REFERENCED)
    if khugepaged and lacking:
        return _R.LACK_REFERENCED_PAGE, HPAGE_PMD_NR
    return _R.SUCCEED, HPAGE_PMD_NR


def _scan_entry(
    kernel: Kernel,
    table: PageTable,
    index: int,
    state: int,
    count: _Count,
    limits: _Limits,
    *,
    khugepaged: bool,
) -> ScanResult | None:
    """Count one entry; a result ends the scan."""
    if not state or state & ZERO:
        count.none += 1
        if count.none > limits.none:
            kernel.count("thp_scan_exceed_none_pte")
            return _R.EXCEED_NONE_PTE
        return None
    if state & SWAP:
        count.unmapped += 1
        if count.unmapped > limits.swap:
            kernel.count("thp_scan_exceed_swap_pte")
            return _R.EXCEED_SWAP_PTE
        return None
    if state & UFFD_WP:
        return _R.PTE_UFFD
    count.writable |= bool(state & WRITE)
    folio = count.folio = table.folios[index]
    if khugepaged and kernel.version.spares_lazyfree and folio.lazyfree:
        return _R.PAGE_LAZYFREE
    if _is_shared(folio):
        count.shared += 1
        if count.shared > limits.shared:
            kernel.count("thp_scan_exceed_share_pte")
            return _R.EXCEED_SHARED_PTE
    if not folio.on_lru:
        return _R.PAGE_LRU
    if folio.locked:
        return _R.PAGE_LOCK
    if folio.references != folio.expected_references:
        return _R.PAGE_COUNT
    if khugepaged and state & YOUNG:
        count.referenced += 1
    return None


def _is_shared(folio: Folio) -> bool:
    """folio_maybe_mapped_shared()."""
    return folio.mapcounts > 1 if folio.order == 0 else len(folio.mms) > 1


def collapse_huge_page(
    kernel: Kernel, mm: MmStruct, address: int, found: _Count, limits: _Limits, *, khugepaged: bool
) -> ScanResult:
    """Allocate a huge page and move the range into it; ``found`` is what the scan counted."""
    result = _collapse(kernel, mm, address, found, limits, khugepaged=khugepaged)
    kernel.trace.mm_collapse_huge_page(
        mm.address,
        int(result is _R.SUCCEED),
        kernel.version.results[result],
        HPAGE_PMD_ORDER,
    )
    return result


def _collapse(
    kernel: Kernel,
    mm: MmStruct,
    address: int,
    scanned: _Count,
    limits: _Limits,
    *,
    khugepaged: bool,
) -> ScanResult:
    huge = kernel.memory.allocate(HPAGE_PMD_ORDER)
    if huge is None:
        kernel.count("thp_collapse_alloc_failed")
        return _R.ALLOC_HUGE_PAGE_FAIL
    kernel.count("thp_collapse_alloc")
    result = _hugepage_vma_revalidate(kernel, mm, address)
    found = find_pmd(kernel, mm, address)
    if result is _R.SUCCEED and isinstance(found, ScanResult):
        result = found
    if result is _R.SUCCEED and isinstance(found, PageTable):
        if scanned.unmapped:
            _swapin(kernel, mm, found, scanned.referenced)
        result = _isolate(kernel, found, limits, khugepaged=khugepaged)
        if result is _R.SUCCEED:
            kernel.spend(_COLLAPSE_COST + kernel.random.randrange(_COLLAPSE_COST))
            for index in range(HPAGE_PMD_NR):
                mm.unmap_page(found, index)
            mm.map_huge(address, huge)
            return result
    kernel.memory.free(huge)
    return result


def _hugepage_vma_revalidate(kernel: Kernel, mm: MmStruct, address: int) -> ScanResult:
    """hugepage_vma_revalidate(): the mapping may have changed while the lock was dropped."""
    if mm.users == 0 or (kernel.version.tests_disabled and mm.thp_disabled):
        return _R.ANY_PROCESS
    vma = mm.find_vma(address)
    if vma is None:
        return _R.VMA_NULL
    if not (vma.start <= address and address + HPAGE_PMD_SIZE <= vma.end):
        return _R.ADDRESS_RANGE
    return _R.SUCCEED if kernel.thp.khugepaged_allowed(vma, mm) else _R.VMA_CHECK


def _swapin(kernel: Kernel, mm: MmStruct, table: PageTable, referenced: int) -> None:
    """__collapse_huge_page_swapin(): bring all swapped pages back."""
    swapped = [index for index, state in enumerate(table.states) if state & SWAP]
    for index in swapped:
        mm.swap_in(table, index)
        kernel.spend(_SWAPIN_COST)
    succeeded = kernel.version.results[_R.SUCCEED] if kernel.version.swapin_returns_result else 1
    kernel.trace.mm_collapse_huge_page_swapin(
        mm.address, len(swapped), referenced, succeeded, HPAGE_PMD_ORDER
    )


def _isolate(kernel: Kernel, table: PageTable, limits: _Limits, *, khugepaged: bool) -> ScanResult:
    """__collapse_huge_page_isolate(): the same checks again, with the pages held."""
    count = _Count()
    result, _ = _scan(kernel, table, count, limits, khugepaged=khugepaged)
    if result is _R.EXCEED_SWAP_PTE:
        result = _R.PTE_NON_PRESENT
    kernel.trace.mm_collapse_huge_page_isolate(
        count.folio.pfn if count.folio is not None else NO_PFN,
        count.none,
        count.referenced,
        int(count.writable),
        kernel.version.results[result],
        HPAGE_PMD_ORDER,
    )
    return result
