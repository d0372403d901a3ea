"""The tracepoints of khugepaged and of processes (huge_memory.h, sched.h in include/trace/events).

All parameters are ints in the range of their C type (pointers and page numbers unsigned, so that
"none" is ``NO_PFN``); file names are str.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Protocol, cast

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

PROCESS_TRACEPOINTS: dict[str, tuple[str, ...]] = {
    "sched_process_fork": ("parent_pid", "child_pid"),
    "sched_process_exit": ("pid",),
}
"""The same for the beginning and the end of processes."""


class Tracepoints(Protocol):
    """One function for each tracepoint; a listener is bound by assigning another one."""

    mm_khugepaged_scan_pmd: Callable[..., None]
    mm_collapse_huge_page: Callable[..., None]
    mm_collapse_huge_page_isolate: Callable[..., None]
    mm_collapse_huge_page_swapin: Callable[..., None]
    mm_khugepaged_scan_file: Callable[..., None]
    mm_khugepaged_collapse_file: Callable[..., None]
    mm_khugepaged_scan: Callable[..., None]
    sched_process_fork: Callable[..., None]
    sched_process_exit: Callable[..., None]


def make_tracepoints() -> Tracepoints:
    """Those of one kernel, which nobody listens to: empty functions with their parameters.

    They live in a module of their own, for what is called of a module is found at once.
    """
    module = ModuleType("trace")
    for name, parameters in {**TRACEPOINTS, **PROCESS_TRACEPOINTS}.items():
        setattr(module, name, eval(f"lambda {', '.join(parameters)}: None"))
    return cast(Tracepoints, module)
