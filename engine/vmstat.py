"""Counters of /proc/vmstat, in each version's order (vmstat_text in mm/vmstat.c).

Those that the engine keeps are here, and those of reclaim and compaction that it never moves: in
its model nothing is reclaimed, and how many pages compaction looks at and moves is not known.
"""

from __future__ import annotations

from engine.versions import EngineVersion

_GAUGES = (
    "nr_file_pages",
    "nr_shmem",
    "nr_shmem_hugepages",
    "nr_shmem_pmdmapped",
    "nr_file_hugepages",
    "nr_file_pmdmapped",
    "nr_anon_transparent_hugepages",
)
"""Pages, and huge pages."""

_SWAP = ("pswpin", "pswpout")
_ALLOCSTALL = tuple(
    f"allocstall_{zone}" for zone in ("dma", "dma32", "normal", "movable", "device")
)
_FAULTS = ("pgfault", "pgmajfault")
_BY_DAEMON = ("kswapd", "direct", "khugepaged", "proactive")
"""For whom memory is reclaimed."""

_BY_TYPE = ("anon", "file")
_COMPACTION = (
    "pgmigrate_success",
    "pgmigrate_fail",
    "thp_migration_success",
    "thp_migration_fail",
    "thp_migration_split",
    "compact_migrate_scanned",
    "compact_free_scanned",
    "compact_isolated",
    "compact_stall",
    "compact_fail",
    "compact_success",
    "compact_daemon_wake",
    "compact_daemon_migrate_scanned",
    "compact_daemon_free_scanned",
)
_UNDERUSED = "thp_underused_split_page"
_HUGE_EVENTS = (
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
    _UNDERUSED,
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


def names(version: EngineVersion) -> tuple[str, ...]:
    """The counters of a version, in the order of the file."""
    reclaimers = _BY_DAEMON[: version.reclaimers]
    by_reclaimer = {
        what: tuple(f"{what}_{reclaimer}" for reclaimer in reclaimers)
        for what in ("pgsteal", "pgscan")
    }
    by_type = {what: tuple(f"{what}_{kind}" for kind in _BY_TYPE) for what in by_reclaimer}
    if version.nodes_count_reclaim:
        of_nodes = tuple(name for what in by_type for name in by_reclaimer[what] + by_type[what])
        of_machine: tuple[str, ...] = ("pgscan_direct_throttle",)
    else:
        of_nodes = ()
        of_machine = (
            *by_reclaimer["pgsteal"],
            *by_reclaimer["pgscan"],
            "pgscan_direct_throttle",
            *by_type["pgscan"],
            *by_type["pgsteal"],
        )
    huge = tuple(n for n in _HUGE_EVENTS if version.counts_underused or n != _UNDERUSED)
    events = (*_SWAP, *_ALLOCSTALL, *_FAULTS, *of_machine, *_COMPACTION, *huge)
    return (*_GAUGES, *of_nodes, *events)
