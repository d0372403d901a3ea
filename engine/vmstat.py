"""The counters of /proc/vmstat that the engine keeps (mm/vmstat.c), in the kernel's order.

The kernel shows many more, of which the engine knows nothing; those that are here stand in the same
order in every version.
"""

from __future__ import annotations

from engine.versions import EngineVersion

_GAUGES = ("nr_file_pages", "nr_shmem")
"""Pages."""

_HUGE_GAUGES = (
    "nr_shmem_hugepages",
    "nr_shmem_pmdmapped",
    "nr_file_hugepages",
    "nr_file_pmdmapped",
    "nr_anon_transparent_hugepages",
)
"""Huge pages."""

_EVENTS = (
    "pswpin",
    "pswpout",
    "pgfault",
    "pgmajfault",
)

_HUGE_EVENTS = (
    "thp_migration_success",
    "thp_migration_fail",
    "thp_migration_split",
    "thp_fault_alloc",
    "thp_fault_fallback",
    "thp_fault_fallback_charge",
    "thp_collapse_alloc",
    "thp_collapse_alloc_failed",
    "thp_file_alloc",
    "thp_file_fallback",
    "thp_file_fallback_charge",
    "thp_file_mapped",
    "thp_split_page",
    "thp_split_page_failed",
    "thp_deferred_split_page",
    "thp_underused_split_page",
    "thp_split_pmd",
    "thp_scan_exceed_none_pte",
    "thp_scan_exceed_swap_pte",
    "thp_scan_exceed_share_pte",
    "thp_split_pud",
    "thp_zero_page_alloc",
    "thp_zero_page_alloc_failed",
    "thp_swpout",
    "thp_swpout_fallback",
)

_UNDERUSED = "thp_underused_split_page"


def names(version: EngineVersion) -> tuple[str, ...]:
    """The counters of a version, in the order of the file."""
    every = (*_GAUGES, *_HUGE_GAUGES, *_EVENTS, *_HUGE_EVENTS)
    return tuple(name for name in every if version.counts_underused or name != _UNDERUSED)
