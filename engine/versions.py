"""What differs between kernel versions in the engine, as data."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace

from engine.folio import Folio
from engine.scan_result import RESULTS_6_1, RESULTS_6_12, RESULTS_6_18, RESULTS_7_3, ScanResult

_R = ScanResult


@dataclass(frozen=True)
class EngineVersion:
    """Named switches for the behaviours of one kernel version."""

    name: str
    results: dict[ScanResult, int]
    """Numbers of enum scan_result."""

    tracepoints: frozenset[str]
    """Those that this kernel has."""

    per_size_knobs: bool
    """hugepages-*kB/ and shrink_underused exist."""

    needs_writable: bool
    """A range without a writable page does not collapse (no_writable_page)."""

    pfn_of_failure_only: bool
    """mm_khugepaged_scan_pmd names the folio that stopped the scan, not the last one seen."""

    counts_ptes: bool
    """Progress is the PTEs looked at, instead of 512 for each range."""

    spares_lazyfree: bool
    """khugepaged leaves pages alone that MADV_FREE gave back."""

    swapin_returns_result: bool
    """mm_collapse_huge_page_swapin.ret is a scan result, not 0 or 1."""

    tests_disabled: bool
    """A process that turned THP off is left out at once."""

    leaves_disabled_slot: bool
    """... and its slot is left too."""

    disables_except_advised: bool
    """A process can turn THP off but for what it advises."""

    shmem_keeps_awake: bool
    """khugepaged also runs for shared memory alone."""

    any_size_keeps_awake: bool
    """khugepaged also runs for huge pages of any size, and while ``enabled`` is not never."""

    reclaims_page_tables: bool
    """MADV_DONTNEED of a whole range frees its page table."""

    maps_clock: bool
    """A process has a mapping for the clock of the vDSO."""

    protects_across_mappings: bool
    """UFFDIO_WRITEPROTECT takes a range of several mappings."""

    installs_in_empty: bool
    """A huge page of the page cache is mapped even where there is no table of PMDs."""

    enters_mapped_files_only: bool
    """mmap(2) introduces nobody to khugepaged for anonymous memory."""

    enters_on_change: bool
    """madvise(MADV_HUGEPAGE) introduces a process only when it changes a mapping."""

    swapin_restores_write: bool
    """A page that is swapped in is writable where the mapping is."""

    pageout_ages: bool
    """MADV_PAGEOUT makes pages old that it can't swap out."""

    split_finds_zeroes: bool
    """Pages of a huge page that is split, and are zeroes, become the page of zeroes."""

    reuses_large: bool
    """A write to a large folio copies nothing when those who shared it are gone."""

    huge_zero_becomes_huge: bool
    """A write to the huge page of zeroes makes a huge page."""

    faults_in_sizes: bool
    """Page faults take folios of the sizes that are on."""

    collapses_to_sizes: bool
    """khugepaged collapses to the sizes that are on, not only to huge pages."""

    collapses_files: bool
    """Files of file systems with large folios collapse, not only shared memory."""

    special_never_huge: bool
    """Mappings of devices and the like are asked about for page faults too."""

    shmem_orders_exact: bool
    """What shared memory may have is known by size, and also for smaller ones."""

    forced_ignores_sizes: bool
    """MADV_COLLAPSE does not ask the shmem_enabled of the sizes."""

    disabled_maps_no_pmd: bool
    """A fault maps no huge page of a file where huge pages are off."""

    maps_whole_shmem: bool
    """A fault maps all pages of a large folio of shared memory."""

    shmem_swaps_whole: bool
    """A large folio of shared memory is swapped out in one piece."""

    shmem_swaps_in_whole: bool
    """... and comes back in one."""

    names_swap_entry: bool
    """An event for exceed_swap_pte in a file takes the swap entry for a page, and names it."""

    refuses_compound: bool
    """The page cache is not collapsed where it has folios of several pages."""

    installs_at_once: bool
    """A file's huge page is mapped as it is made; page tables of others wait for the next visit."""

    has_guards: bool
    """madvise(MADV_GUARD_INSTALL) exists."""

    unmaps_in_batches: bool
    """The pages of a large folio are unmapped at once, so that it is never mapped in part."""

    collapse_unmaps_in_batches: bool
    """... also when they are collapsed."""

    split_defers: bool
    """A huge page that is split is first counted as one that waits for it."""

    finds_filled: bool
    """A hole that was filled while the others were copied is noticed."""

    copies_safely: bool
    """A broken page that is copied is an error (copy_poisoned_page), not the end."""

    writes_back: bool
    """MADV_COLLAPSE writes dirty pages of files back, and tries again."""

    empty_range_collapses: bool
    """MADV_COLLAPSE of less than a huge range is nothing to do, and no error."""

    shared_by: str
    """How a large folio is found to be shared: by ``page``, by ``guess``, or by ``mm``."""

    shared_names_folio: bool
    """An event for exceed_shared_pte names the folio that was one too many."""

    collapse_errno: dict[ScanResult, int]
    """What MADV_COLLAPSE returns for a result; EINVAL for all others."""

    smaps_sees_unreadable: bool
    """smaps counts huge pages in mappings without access."""

    counts_underused: bool
    """thp_underused_split_page is counted."""

    reclaimers: int
    """Counters of reclaim tell apart so many: kswapd, direct, khugepaged, proactive."""

    nodes_count_reclaim: bool
    """They are counters of nodes, which vmstat has further in front."""

    counts_refused_at_once: int
    """Count in memory.events of a failed charge that may not reclaim."""

    def is_shared(self, folio: Folio, page: int) -> bool:
        """folio_maybe_mapped_shared(), or what the version had in its place."""
        if folio.mms is None:
            return folio.mapcount > 1
        if self.shared_by == "page":
            return folio.page_mapcount(page) > 1
        if self.shared_by == "mm" or folio.mapcount <= 1:
            return len(folio.mms) > 1
        if folio.entire_mapcount or folio.mapcount > folio.pages:
            return True
        return folio.page_mapcount(0) > 1


_ERRNO_6_1 = {
    _R.ALLOC_HUGE_PAGE_FAIL: errno.ENOMEM,
    _R.CGROUP_CHARGE_FAIL: errno.EBUSY,
    _R.PAGE_COUNT: errno.EAGAIN,
    _R.PAGE_LOCK: errno.EAGAIN,
    _R.PAGE_LRU: errno.EAGAIN,
    _R.DEL_PAGE_LRU: errno.EAGAIN,
}
_ERRNO_6_12 = {**_ERRNO_6_1, _R.EXCEED_NONE_PTE: errno.EBUSY, _R.PAGE_FILLED: errno.EAGAIN}
_ERRNO_7_3 = {
    **_ERRNO_6_12,
    _R.PAGE_HAS_PRIVATE: errno.EAGAIN,
    _R.PAGE_DIRTY_OR_WRITEBACK: errno.EAGAIN,
}

_COMMON_TRACEPOINTS = frozenset(
    {
        "mm_khugepaged_scan_pmd",
        "mm_collapse_huge_page",
        "mm_collapse_huge_page_isolate",
        "mm_collapse_huge_page_swapin",
        "mm_khugepaged_scan_file",
    }
)

V6_12 = EngineVersion(
    name="6.12",
    results=RESULTS_6_12,
    tracepoints=_COMMON_TRACEPOINTS | {"mm_khugepaged_collapse_file"},
    per_size_knobs=True,
    needs_writable=True,
    pfn_of_failure_only=False,
    counts_ptes=False,
    spares_lazyfree=False,
    swapin_returns_result=True,
    tests_disabled=True,
    leaves_disabled_slot=False,
    disables_except_advised=False,
    shmem_keeps_awake=False,
    any_size_keeps_awake=False,
    reclaims_page_tables=False,
    maps_clock=False,
    protects_across_mappings=True,
    installs_in_empty=False,
    enters_mapped_files_only=False,
    enters_on_change=False,
    swapin_restores_write=True,
    pageout_ages=False,
    split_finds_zeroes=True,
    reuses_large=False,
    huge_zero_becomes_huge=False,
    faults_in_sizes=True,
    collapses_to_sizes=False,
    collapses_files=False,
    special_never_huge=False,
    shmem_orders_exact=False,
    forced_ignores_sizes=False,
    disabled_maps_no_pmd=True,
    maps_whole_shmem=True,
    shmem_swaps_whole=True,
    shmem_swaps_in_whole=False,
    names_swap_entry=False,
    refuses_compound=False,
    installs_at_once=False,
    has_guards=False,
    unmaps_in_batches=True,
    collapse_unmaps_in_batches=False,
    split_defers=False,
    finds_filled=True,
    copies_safely=True,
    writes_back=False,
    empty_range_collapses=False,
    shared_by="guess",
    shared_names_folio=True,
    collapse_errno=_ERRNO_6_12,
    smaps_sees_unreadable=True,
    counts_underused=True,
    reclaimers=3,
    nodes_count_reclaim=False,
    counts_refused_at_once=0,
)

V6_1 = replace(
    V6_12,
    name="6.1",
    results=RESULTS_6_1,
    tracepoints=_COMMON_TRACEPOINTS,
    per_size_knobs=False,
    swapin_returns_result=False,
    tests_disabled=False,
    protects_across_mappings=False,
    smaps_sees_unreadable=False,
    pageout_ages=True,
    split_finds_zeroes=False,
    swapin_restores_write=False,
    faults_in_sizes=False,
    special_never_huge=True,
    disabled_maps_no_pmd=False,
    maps_whole_shmem=False,
    shmem_swaps_whole=False,
    refuses_compound=True,
    installs_at_once=True,
    unmaps_in_batches=False,
    split_defers=True,
    finds_filled=False,
    copies_safely=False,
    shared_by="page",
    names_swap_entry=True,
    shared_names_folio=False,
    collapse_errno=_ERRNO_6_1,
    counts_underused=False,
    reclaimers=2,
)

V6_18 = replace(
    V6_12,
    name="6.18",
    results=RESULTS_6_18,
    needs_writable=False,
    disables_except_advised=True,
    maps_clock=True,
    names_swap_entry=True,
    collapse_unmaps_in_batches=True,
    installs_in_empty=True,
    has_guards=True,
    shmem_swaps_in_whole=True,
    shmem_orders_exact=True,
    shmem_keeps_awake=True,
    reclaims_page_tables=True,
    reuses_large=True,
    huge_zero_becomes_huge=True,
    shared_by="mm",
    reclaimers=4,
)

V7_3 = replace(
    V6_18,
    name="7.3",
    results=RESULTS_7_3,
    tracepoints=V6_12.tracepoints | {"mm_khugepaged_scan"},
    pfn_of_failure_only=True,
    counts_ptes=True,
    any_size_keeps_awake=True,
    spares_lazyfree=True,
    leaves_disabled_slot=True,
    enters_mapped_files_only=True,
    enters_on_change=True,
    collapses_to_sizes=True,
    collapses_files=True,
    names_swap_entry=False,
    forced_ignores_sizes=True,
    writes_back=True,
    empty_range_collapses=True,
    collapse_errno=_ERRNO_7_3,
    nodes_count_reclaim=True,
    counts_refused_at_once=1,
)

VERSIONS = {version.name: version for version in (V6_1, V6_12, V6_18, V7_3)}
