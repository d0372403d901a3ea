"""The tracepoints of khugepaged (include/trace/events/huge_memory.h).

All parameters are ints in the range of their C type (pointers and page numbers unsigned, so that
"none" is ``NO_PFN``); file names are str.
"""

from __future__ import annotations

from collections.abc import Callable

NO_PFN = (1 << 64) - 1

TRACEPOINTS: dict[str, tuple[str, ...]] = {
    "mm_khugepaged_scan_pmd": (
        "mm",
        "pfn",
        "writable",
        "referenced",
        "none_or_zero",
        "status",
        "unmapped",
    ),
    "mm_collapse_huge_page": ("mm", "isolated", "status", "order"),
    "mm_collapse_huge_page_isolate": (
        "pfn",
        "none_or_zero",
        "referenced",
        "writable",
        "status",
        "order",
    ),
    "mm_collapse_huge_page_swapin": ("mm", "swapped_in", "referenced", "ret", "order"),
    "mm_khugepaged_scan_file": ("mm", "pfn", "filename", "present", "swap", "result"),
    "mm_khugepaged_collapse_file": (
        "mm",
        "hpfn",
        "index",
        "addr",
        "is_shmem",
        "filename",
        "nr",
        "result",
    ),
    "mm_khugepaged_scan": ("mm", "progress", "full_scan_finished"),
}
"""Names of the parameters, the same in all versions; a version's event records some of them."""


def unheard(name: str) -> Callable[..., None]:
    """What a tracepoint is while nobody listens: an empty function with its parameters."""
    function: Callable[..., None] = eval(f"lambda {', '.join(TRACEPOINTS[name])}: None")
    return function


class Tracepoints:
    """One callable for each tracepoint; a listener is bound by assigning another one."""

    __slots__ = tuple(TRACEPOINTS)  # an attribute of these is found as quickly as a global name

    def __init__(self) -> None:
        self.mm_khugepaged_scan_pmd = unheard("mm_khugepaged_scan_pmd")
        self.mm_collapse_huge_page = unheard("mm_collapse_huge_page")
        self.mm_collapse_huge_page_isolate = unheard("mm_collapse_huge_page_isolate")
        self.mm_collapse_huge_page_swapin = unheard("mm_collapse_huge_page_swapin")
        self.mm_khugepaged_scan_file = unheard("mm_khugepaged_scan_file")
        self.mm_khugepaged_collapse_file = unheard("mm_khugepaged_collapse_file")
        self.mm_khugepaged_scan = unheard("mm_khugepaged_scan")
