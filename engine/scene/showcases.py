"""A scene for each result of a collapse, and when it happens in life.

What a version does not have, or never traces, is in no event of it: see :data:`UNTRACED`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.scan_result import ScanResult
from engine.versions import EngineVersion

_R = ScanResult


@dataclass(frozen=True)
class Showcase:
    """How a result is provoked."""

    life: str
    """When it happens."""

    script: tuple[str, ...]
    """Steps of a scene."""


def _scene(life: str, *script: str) -> Showcase:
    return Showcase(life, script)


_FULL = ("map anon 1", "write 0 511")
_SHMEM = ("map shmem 1", "write 0 255")

SHOWCASES = {
    _R.FAIL: _scene(
        "a page that is to be swapped in can't be had: it was found broken, or must not be touched",
        *_FULL,
        "advise hwpoison 3 3",
        "enter",
    ),
    _R.SUCCEED: _scene(
        "memory that was touched in small steps became a huge page", *_FULL, "enter"
    ),
    _R.NO_PTE_TABLE: _scene(
        "nothing of the range was ever touched", "map anon 2", "write 0 511", "enter"
    ),
    _R.PMD_NULL: _scene(
        "nothing of the whole GiB was ever touched",
        "knob khugepaged/pages_to_scan 1000000",
        "map anon 513",
        "write 0 511",
        "enter",
    ),
    _R.PMD_NONE: _scene(
        "nothing of the range was ever touched", "map anon 2", "write 0 511", "enter"
    ),
    _R.PMD_MAPPED: _scene(
        "the range is a huge page already",
        "knob enabled always",
        "map anon 1",
        "write 0 0",
        "enter",
    ),
    _R.EXCEED_NONE_PTE: _scene(
        "more pages are missing than max_ptes_none allows",
        "knob khugepaged/max_ptes_none 255",
        "map anon 1",
        "write 0 127",
        "enter",
    ),
    _R.EXCEED_SWAP_PTE: _scene(
        "more pages are swapped out than max_ptes_swap allows",
        "swap on",
        *_FULL,
        "advise pageout 0 99",
        "enter",
    ),
    _R.EXCEED_SHARED_PTE: _scene(
        "after a fork, more pages are shared than max_ptes_shared allows",
        *_FULL,
        "fork idle",
        "write 0 99",
        "enter",
    ),
    _R.PTE_NON_PRESENT: _scene(
        "a page was swapped out between the look at the range and its collapse",
        "swap on",
        *_FULL,
        "meanwhile isolate advise pageout 3 3",
        "enter",
    ),
    _R.PTE_UFFD: _scene(
        "userfaultfd write-protects a page, as for a snapshot", *_FULL, "uffdwp 3 3", "enter"
    ),
    _R.PTE_MAPPED_HUGEPAGE: _scene(
        "the page cache has a huge page already", *_SHMEM, "enter", "khugepaged"
    ),
    _R.PAGE_RO: _scene("no page of the range is writable", *_FULL, "protect r 0 511", "enter"),
    _R.LACK_REFERENCED_PAGE: _scene(
        "nobody used the range lately", *_FULL, "advise cold 0 511", "enter"
    ),
    _R.PAGE_NULL: _scene(
        "a page was moved to the memory of a device", *_FULL, "device 3 3", "enter"
    ),
    _R.SCAN_ABORT: _scene(
        "pages lie on nodes that are far apart, and vm.zone_reclaim_mode is set",
        "nodes 2 40",
        "reclaim",
        "map anon 1",
        "write 0 255",
        "node 1",
        "write 256 511",
        "enter",
    ),
    _R.PAGE_COUNT: _scene(
        "an extra reference holds on to a page: direct I/O, vmsplice, RDMA",
        *_FULL,
        "pin 3 3",
        "enter",
    ),
    _R.PAGE_LRU: _scene(
        "another task took a page off the LRU: compaction, migration, reclaim",
        *_FULL,
        "isolate 3 3",
        "enter",
    ),
    _R.PAGE_LOCK: _scene(
        "a page is locked: it is being read, written or migrated", *_FULL, "hold 3 3", "enter"
    ),
    _R.PAGE_ANON: _scene(
        "the memory was replaced by a file's while the huge page was allocated",
        *_FULL,
        "meanwhile alloc unmap 0 511",
        "meanwhile alloc map shmem 1",
        "meanwhile alloc advise hugepage 0 511",
        "enter",
    ),
    _R.PAGE_LAZYFREE: _scene(
        "a page was given back with MADV_FREE", *_FULL, "advise free 3 3", "enter"
    ),
    _R.ANY_PROCESS: _scene(
        "the process ended while the huge page was allocated",
        *_FULL,
        "meanwhile alloc exit",
        "enter",
    ),
    _R.VMA_NULL: _scene(
        "the process unmapped all while the huge page was allocated",
        *_FULL,
        "meanwhile alloc unmap 0 17179869182",
        "enter",
    ),
    _R.VMA_CHECK: _scene(
        "MADV_NOHUGEPAGE came while the huge page was allocated",
        *_FULL,
        "meanwhile alloc advise nohugepage 0 511",
        "enter",
    ),
    _R.ADDRESS_RANGE: _scene(
        "a part of the range was unmapped while the huge page was allocated",
        *_FULL,
        "meanwhile alloc unmap 0 255",
        "enter",
    ),
    _R.DEL_PAGE_LRU: _scene(
        "another task took a page off the LRU while the huge page was allocated",
        *_FULL,
        "meanwhile alloc isolate 3 3",
        "enter",
    ),
    _R.ALLOC_HUGE_PAGE_FAIL: _scene(
        "memory is short or fragmented: no huge page is free", *_FULL, "fragment 0", "enter"
    ),
    _R.CGROUP_CHARGE_FAIL: _scene(
        "the memory cgroup is at its limit", "cgroup 600", *_FULL, "enter"
    ),
    _R.TRUNCATED: _scene(
        "the file was truncated while the huge page was allocated",
        *_SHMEM,
        "meanwhile alloc truncate 0",
        "enter",
    ),
    _R.PAGE_HAS_PRIVATE: _scene(
        "the file system keeps data with a page and cannot let go of them",
        *_SHMEM,
        "private 3 3",
        "enter",
    ),
    _R.STORE_FAILED: _scene(
        "there was no memory to take note of the pages in the file", *_SHMEM, "fail store", "enter"
    ),
    _R.COPY_MC: _scene(
        "the memory of a page is broken: copying it made a machine check",
        *_FULL,
        "corrupt 3 3",
        "enter",
    ),
    _R.PAGE_FILLED: _scene(
        "a page that was missing came while the others were copied",
        *_SHMEM,
        "meanwhile copy write 300 300",
        "enter",
    ),
    _R.PAGE_DIRTY_OR_WRITEBACK: _scene(
        "the file was written and not yet written back", "map disk 1", "write 0 511", "enter"
    ),
}

UNTRACED = {
    _R.PAGE_COMPOUND: "the page cache has large folios that are not huge pages; it decides what "
    "MADV_COLLAPSE returns, and is in no event",
}
"""Results that no event carries."""


def showcases(version: EngineVersion) -> dict[ScanResult, Showcase]:
    """Those of the results that a version has, by number."""
    return {result: SHOWCASES[result] for result in version.results if result in SHOWCASES}
