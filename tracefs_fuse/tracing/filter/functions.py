"""Kernel functions that ``.function`` in a filter may name.

There is no kernel text to look symbols up in (kallsyms_lookup_name()), so these stand for it:
functions around khugepaged that some emulated version has, and a few that anyone may try.
"""

from __future__ import annotations

FUNCTIONS = frozenset(
    [
        "schedule",
        "kthread",
        "do_exit",
        "vfs_read",
        "vfs_write",
        "handle_mm_fault",
        "do_user_addr_fault",
        "do_madvise",
        "khugepaged",
        "khugepaged_enter_vma",
        "__khugepaged_enter",
        "__khugepaged_exit",
        "start_stop_khugepaged",
        "khugepaged_init",
        "khugepaged_destroy",
        "khugepaged_min_free_kbytes_update",
        "current_is_khugepaged",
        "collapse_huge_page",
        "collapse_file",
        "collapse_pte_mapped_thp",
        "madvise_collapse",
        "__collapse_huge_page_swapin",
        "hpage_collapse_scan_pmd",
        "hpage_collapse_scan_file",
        "hpage_collapse_scan_abort",
        "collapse_single_pmd",
        "collapse_scan_abort",
        "do_huge_pmd_anonymous_page",
        "do_huge_pmd_wp_page",
        "do_huge_pmd_numa_page",
        "copy_huge_pmd",
        "change_huge_pmd",
        "move_huge_pmd",
        "zap_huge_pmd",
        "set_huge_pmd",
        "madvise_free_huge_pmd",
        "split_huge_pmd_address",
        "__split_huge_pmd",
        "huge_pmd_set_accessed",
    ]
)
