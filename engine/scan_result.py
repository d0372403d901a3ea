"""How an attempt to collapse a range may end (mm/khugepaged.c: enum scan_result)."""

from __future__ import annotations

from enum import Enum, auto


class ScanResult(Enum):
    """The results of all versions, with the kernel's names."""

    __hash__ = object.__hash__  # that of Enum is slow, and each scan looks results up

    FAIL = auto()
    SUCCEED = auto()
    NO_PTE_TABLE = auto()
    PMD_NULL = auto()
    PMD_NONE = auto()
    PMD_MAPPED = auto()
    EXCEED_NONE_PTE = auto()
    EXCEED_SWAP_PTE = auto()
    EXCEED_SHARED_PTE = auto()
    PTE_NON_PRESENT = auto()
    PTE_UFFD = auto()
    PTE_MAPPED_HUGEPAGE = auto()
    PAGE_RO = auto()
    LACK_REFERENCED_PAGE = auto()
    PAGE_NULL = auto()
    SCAN_ABORT = auto()
    PAGE_COUNT = auto()
    PAGE_LRU = auto()
    PAGE_LOCK = auto()
    PAGE_ANON = auto()
    PAGE_LAZYFREE = auto()
    PAGE_COMPOUND = auto()
    ANY_PROCESS = auto()
    VMA_NULL = auto()
    VMA_CHECK = auto()
    ADDRESS_RANGE = auto()
    DEL_PAGE_LRU = auto()
    ALLOC_HUGE_PAGE_FAIL = auto()
    CGROUP_CHARGE_FAIL = auto()
    TRUNCATED = auto()
    PAGE_HAS_PRIVATE = auto()
    STORE_FAILED = auto()
    COPY_MC = auto()
    PAGE_FILLED = auto()
    PAGE_DIRTY_OR_WRITEBACK = auto()


def _numbered(*absent: ScanResult) -> dict[ScanResult, int]:
    present = (result for result in ScanResult if result not in absent)
    return {result: number for number, result in enumerate(present)}


_R = ScanResult
_NEW = (_R.NO_PTE_TABLE, _R.PAGE_LAZYFREE, _R.PAGE_DIRTY_OR_WRITEBACK)

RESULTS_6_12 = _numbered(*_NEW)
RESULTS_6_1 = _numbered(*_NEW, _R.COPY_MC, _R.PAGE_FILLED)
RESULTS_6_18 = _numbered(*_NEW, _R.PAGE_RO)
RESULTS_7_3 = _numbered(_R.PMD_NULL, _R.PMD_NONE, _R.PAGE_RO)
