"""Looking at the entries of a page table as a collapse does: kinds of entries, limits, counts.

What collapse_scan_pmd() and __collapse_huge_page_isolate() in mm/khugepaged.c have in common.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.collapse_control import CollapseControl
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Folio
from engine.page_table import (
    DIRTY,
    OBJECT,
    PRESENT,
    UFFD_WP,
    WRITE,
    YOUNG,
    ZERO,
    PageTable,
    classes,
    states_with,
)
from engine.scan_result import ScanResult
from engine.tracepoints import NO_PFN
from engine.vma import Vma

_R = ScanResult

_MIN_REFERENCED = HPAGE_PMD_NR // 2
"""Pages in use that a range with swapped ones must have."""

NONE_OR_ZERO, OLD, YOUNG_PTE, UNMAPPED, UNMAPPED_UFFD, EXAMINE = range(6)
"""What an entry is to a scan; one to be examined has something that must be looked at singly."""


def _class_of(state: int) -> int:
    if not state or state & (PRESENT | ZERO) == PRESENT | ZERO:
        return NONE_OR_ZERO
    if not state & PRESENT:
        return UNMAPPED_UFFD if state & UFFD_WP else UNMAPPED
    if state & (OBJECT | UFFD_WP):
        return EXAMINE
    return YOUNG_PTE if state & YOUNG else OLD


KINDS = bytes(_class_of(state) for state in range(256))
_UNOCCUPIED = bytes((NONE_OR_ZERO, UNMAPPED, UNMAPPED_UFFD))
OCCUPIED = bytes(kind not in _UNOCCUPIED for kind in range(256))
WRITABLE = classes(dict.fromkeys(states_with(PRESENT | WRITE), 1), 0)


@dataclass(slots=True)
class Limits:
    """What a range may have and still collapse."""

    none: int
    swap: int = HPAGE_PMD_NR
    shared: int = HPAGE_PMD_NR


def limits_of(cc: CollapseControl, vma: Vma, order: int = HPAGE_PMD_ORDER) -> Limits:
    """Those of the knobs for khugepaged, none for madvise; userfaultfd wants no holes."""
    none = 0 if vma.uffd_armed else max_ptes_none(cc, order)
    if not cc.is_khugepaged:
        return Limits(none)
    if order != HPAGE_PMD_ORDER:
        return Limits(none, swap=0, shared=0)
    knobs = cc.kernel.thp.khugepaged
    return Limits(none, knobs.max_ptes_swap, knobs.max_ptes_shared)


def max_ptes_none(cc: CollapseControl, order: int) -> int:
    """Missing pages that a block may have; for small blocks it is all but one, or none."""
    if not cc.is_khugepaged:
        return 1 << order
    knob = cc.kernel.thp.khugepaged.max_ptes_none
    if order == HPAGE_PMD_ORDER:
        return knob
    return (1 << order) - 1 if knob == HPAGE_PMD_NR - 1 else 0


class PteScan:
    """What was counted of entries [first, last) of a table until something stopped it.

    kinds: of these entries.  Until :meth:`count` the counts are those of all of them.
    """

    __slots__ = ("kinds", "none", "referenced", "result", "shared", "stop", "unmapped")

    def __init__(self, kinds: bytes | bytearray) -> None:
        self.kinds = kinds
        self.stop = len(kinds)
        """Place at which it stopped."""

        self.result: ScanResult | None = None
        """What stopped it."""

        self.none = _occurrences(kinds, NONE_OR_ZERO)
        self.unmapped = _occurrences(kinds, UNMAPPED) + _occurrences(kinds, UNMAPPED_UFFD)
        self.shared = 0
        self.referenced = 0

    def stop_at(self, place: int, result: ScanResult) -> None:
        """Something is wrong at a place; what is wrong before it counts more."""
        if place < self.stop:
            self.stop, self.result = place, result

    def count(self, *, referenced: bool) -> None:
        """Count what was passed, and the entry at which it stopped."""
        if self.result is not None:
            end = self.stop + 1
            self.none = _occurrences(self.kinds, NONE_OR_ZERO, end)
            self.unmapped = _occurrences(self.kinds, UNMAPPED, end)
            self.unmapped += _occurrences(self.kinds, UNMAPPED_UFFD, end)
        if referenced:
            self.referenced += _occurrences(self.kinds, YOUNG_PTE, self.stop)


def _occurrences(kinds: bytes | bytearray, kind: int, end: int = HPAGE_PMD_NR) -> int:
    """bytes.count() of what is often missing, which takes a tenth of the time to see."""
    return kinds.count(kind, 0, end) if kind in kinds else 0


def nth(data: bytes | bytearray, value: int, count: int) -> int:
    """Where a byte occurs after it has occurred so many times."""
    at = data.find(value)
    for _ in range(count):
        at = data.find(value, at + 1)
    return at


def judge(
    cc: CollapseControl, referenced: int, unmapped: int, *, writable: bool
) -> ScanResult | None:
    """What speaks against a range of which each entry would do."""
    if cc.kernel.version.needs_writable and not writable:
        return _R.PAGE_RO
    lacking = referenced == 0 or (unmapped and referenced < _MIN_REFERENCED)
    return _R.LACK_REFERENCED_PAGE if cc.is_khugepaged and lacking else None


EXCEEDED = {
    _R.EXCEED_NONE_PTE: ("thp_scan_exceed_none_pte", "collapse_exceed_none_pte"),
    _R.EXCEED_SWAP_PTE: ("thp_scan_exceed_swap_pte", "collapse_exceed_swap_pte"),
    _R.EXCEED_SHARED_PTE: ("thp_scan_exceed_share_pte", "collapse_exceed_shared_pte"),
}
"""The counters of /proc/vmstat and of a size for a limit that was passed."""


def count_exceeded(
    cc: CollapseControl, counters: tuple[str, str], order: int = HPAGE_PMD_ORDER
) -> None:
    if order == HPAGE_PMD_ORDER:
        cc.kernel.count(counters[0])
    cc.kernel.count_size(order, counters[1])


def unfit(
    cc: CollapseControl, table: PageTable, index: int, folio: Folio, scan: PteScan, limits: Limits
) -> ScanResult | None:
    """The checks that a scan and an isolation begin with."""
    version = cc.kernel.version
    if folio.device:
        return _R.PAGE_NULL
    if (
        version.spares_lazyfree
        and cc.is_khugepaged
        and folio.lazyfree
        and not table.states[index] & DIRTY
    ):
        return _R.PAGE_LAZYFREE
    if not folio.anon:
        return _R.PAGE_ANON
    if version.is_shared(folio, table.pages.get(index, 0)):
        scan.shared += 1
        if scan.shared > limits.shared:
            return _R.EXCEED_SHARED_PTE
    return None


def pfn_before(table: PageTable, kinds: bytes | bytearray, end: int, base: int = 0) -> int:
    """The folio of the last present entry before a place."""
    occupied = len(kinds[:end].rstrip(_UNOCCUPIED))
    return table.pfn(base + occupied - 1) if occupied else NO_PFN
