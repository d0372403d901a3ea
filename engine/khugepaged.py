"""The thread khugepaged: which address space it looks at, how far, and when it rests.

Modelled after mm/khugepaged.c: khugepaged(), khugepaged_do_scan(), khugepaged_wait_work(),
collapse_scan_mm_slot(), collapse_single_pmd().
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from engine.collapse import collapse_scan_pmd
from engine.collapse_control import CollapseControl, is_gone
from engine.collapse_file import collapse_range, retract_queued
from engine.folio import HPAGE_PMD_SIZE
from engine.mm_slot import MmSlots
from engine.scan_result import ScanResult
from engine.scheduler import Sleep
from engine.thp import ANON_ORDERS, PMD, Purpose

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.mm import MmStruct
    from engine.vma import Vma

_MILLISECOND = 1_000_000
_VISIT_COST = 2_000
"""Virtual nanoseconds for looking at an address space."""


class Khugepaged:
    """The daemon and its list of address spaces."""

    def __init__(self, kernel: Kernel, migrate: Callable[[], None]) -> None:
        """migrate: the thread may wake on another CPU."""
        self._kernel = kernel
        self._migrate = migrate
        self.slots: MmSlots[MmStruct] = MmSlots()
        self.current: MmStruct | None = None
        """The cursor: whose slot is scanned."""

        self.address = 0
        """The cursor: where in it."""

        self.sleep: Sleep | None = None
        """The sleep it is in, when it is."""

        self.result = ScanResult.SUCCEED
        """How the last visit of a slot ended."""

    # -- which address spaces --------------------------------------------------------------

    def enter_vma(self, mm: MmStruct, vma: Vma) -> None:
        """khugepaged_enter_vma()."""
        thp = self._kernel.thp
        if not mm.registered and thp.is_on and self._orders(mm, vma):
            self.enter(mm)

    def _orders(self, mm: MmStruct, vma: Vma) -> int:
        """collapse_allowable_orders(): the sizes that a mapping may be collapsed to."""
        small = vma.is_anonymous and self._kernel.version.collapses_to_sizes
        orders = ANON_ORDERS if small else PMD
        return self._kernel.thp.allowable_orders(vma, mm, Purpose.KHUGEPAGED, orders)

    def enter(self, mm: MmStruct) -> None:
        """__khugepaged_enter(): put a slot at the end of the list."""
        if mm.registered:
            return
        mm.registered = True
        was_empty = not self.slots
        self.slots.append(mm)
        if was_empty:
            self.wake()

    def exit(self, mm: MmStruct) -> None:
        """__khugepaged_exit(): a slot under the cursor is left to the scanner."""
        if mm.registered and self.current is not mm:
            self._remove(mm)

    def _remove(self, mm: MmStruct) -> None:
        self.slots.remove(mm)
        mm.registered = False

    def wake(self) -> None:
        """End the sleep that waits for something to do."""
        if self.sleep is not None and self.sleep.until is None:
            self.sleep.end()

    def hurry(self) -> None:
        """A sleep knob was written: end any sleep."""
        if self.sleep is not None:
            self.sleep.end()

    def start_stop(self) -> None:
        """start_stop_khugepaged(): a mode was written.

        A thread that is started anew begins with a round, at the head of the list.
        """
        if self._kernel.thp.is_on:
            self.wake()
            return
        stopped, self.current = self.current, None
        if stopped is not None:
            self._collect(stopped)
        if self.sleep is not None and self.sleep.until is not None:
            self.sleep.end()

    # -- the thread ------------------------------------------------------------------------

    def run(self) -> Generator[Sleep, None, None]:
        """khugepaged(): rounds and rests, for ever."""
        while True:
            yield from self._do_scan()
            yield from self._wait_work()

    def _rest(self, milliseconds: int | None) -> Generator[Sleep, None, None]:
        self.sleep = Sleep(None if milliseconds is None else milliseconds * _MILLISECOND)
        yield self.sleep
        self.sleep = None
        self._migrate()

    def _wait_work(self) -> Generator[Sleep, None, None]:
        knobs, thp = self._kernel.thp.khugepaged, self._kernel.thp
        if not thp.is_on or not self.slots:
            yield from self._rest(None)
        elif knobs.scan_sleep_millisecs:
            yield from self._rest(knobs.scan_sleep_millisecs)

    def _do_scan(self) -> Generator[Sleep, None, None]:
        """khugepaged_do_scan(): one round."""
        knobs, thp = self._kernel.thp.khugepaged, self._kernel.thp
        budget = knobs.pages_to_scan
        cc = CollapseControl(self._kernel, is_khugepaged=True)
        may_wait = True
        passes = 0
        while cc.progress < budget:
            if self.current is None:
                passes += 1
            if not self.slots or not thp.is_on or passes > 1:
                return
            self.scan_mm_slot(cc, budget)
            if self.result is ScanResult.ALLOC_HUGE_PAGE_FAIL and cc.progress < budget:
                if not may_wait:
                    return
                may_wait = False
                yield from self._rest(knobs.alloc_sleep_millisecs)
            yield Sleep(0)

    # -- one slot --------------------------------------------------------------------------

    def scan_mm_slot(self, cc: CollapseControl, budget: int) -> None:
        """collapse_scan_mm_slot(): go on with the slot under the cursor, or the first one."""
        before = cc.progress
        self.result = ScanResult.FAIL
        mm = self.current
        if mm is None:
            mm = self.current = self.slots.first
            self.address = 0
        self._kernel.spend(_VISIT_COST)
        finished = False
        if mm.pte_mapped_thps and not mm.locked:
            retract_queued(cc, mm)
        if not mm.locked:
            cc.progress += 1
            finished = is_gone(self._kernel, mm) or self._scan_vmas(cc, mm, budget)
        if finished or mm.users == 0 or mm.locked or self._leaves(mm):
            self._leave(mm)
        self._kernel.trace.mm_khugepaged_scan(
            mm.address, cc.progress - before, int(self.current is None)
        )

    def _leaves(self, mm: MmStruct) -> bool:
        return self._kernel.version.leaves_disabled_slot and mm.is_thp_disabled

    def _scan_vmas(self, cc: CollapseControl, mm: MmStruct, budget: int) -> bool:
        """Scan from the cursor on; says whether all mappings are done."""
        for vma in mm.vmas_in(self.address, 1 << 64):
            orders = self._orders(mm, vma)
            hstart = -(-vma.start // HPAGE_PMD_SIZE) * HPAGE_PMD_SIZE
            hend = vma.end & -HPAGE_PMD_SIZE
            if not orders or self.address > hend:
                cc.progress += 1
                continue
            self.address = max(self.address, hstart)
            while self.address < hend:
                cc.lock_dropped = False
                self.result = self._collapse_single_pmd(cc, mm, vma, orders)
                self.address += HPAGE_PMD_SIZE
                if cc.lock_dropped or cc.progress >= budget:
                    return False
        return True

    def _collapse_single_pmd(
        self, cc: CollapseControl, mm: MmStruct, vma: Vma, orders: int
    ) -> ScanResult:
        """collapse_single_pmd(): the range at the cursor."""
        if vma.is_anonymous:
            result = collapse_scan_pmd(cc, mm, vma, self.address, orders)
        else:
            result = collapse_range(cc, mm, vma, self.address)
        if result is ScanResult.SUCCEED:
            self._kernel.thp.khugepaged.pages_collapsed += 1
        return result

    def _leave(self, mm: MmStruct) -> None:
        """Move the cursor to the next slot; a slot without users is freed."""
        self.current = self.slots.after(mm)
        self.address = 0
        if self.current is None:
            self._kernel.thp.khugepaged.full_scans += 1
        self._collect(mm)

    def _collect(self, mm: MmStruct) -> None:
        """collect_mm_slot()."""
        if mm.users == 0:
            self._remove(mm)
            self._kernel.drop_mm(mm)
