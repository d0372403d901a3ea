"""What differs between kernel versions in the engine, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.scan_result import RESULTS_6_1, RESULTS_6_12, RESULTS_6_18, RESULTS_7_3, ScanResult


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

    shmem_keeps_awake: bool
    """khugepaged also runs for shared memory alone."""

    any_size_keeps_awake: bool
    """khugepaged also runs for huge pages of any size, and while ``enabled`` is not never."""

    reclaims_page_tables: bool
    """MADV_DONTNEED of a whole range frees its page table."""

    smaps_ksm: bool
    """smaps has a line for pages merged by KSM."""

    smaps_padded_flag: bool
    """THPeligible in smaps is padded as the sizes are."""

    counts_underused: bool
    """thp_underused_split_page is counted."""


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
    shmem_keeps_awake=False,
    any_size_keeps_awake=False,
    reclaims_page_tables=False,
    smaps_ksm=True,
    smaps_padded_flag=True,
    counts_underused=True,
)

V6_1 = replace(
    V6_12,
    name="6.1",
    results=RESULTS_6_1,
    tracepoints=_COMMON_TRACEPOINTS,
    per_size_knobs=False,
    swapin_returns_result=False,
    tests_disabled=False,
    smaps_ksm=False,
    smaps_padded_flag=False,
    counts_underused=False,
)

V6_18 = replace(
    V6_12,
    name="6.18",
    results=RESULTS_6_18,
    needs_writable=False,
    shmem_keeps_awake=True,
    reclaims_page_tables=True,
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
)

VERSIONS = {version.name: version for version in (V6_1, V6_12, V6_18, V7_3)}
