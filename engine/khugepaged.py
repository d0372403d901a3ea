"""The thread khugepaged: which address space it looks at, how far, and when it rests.

Modelled after mm/khugepaged.c: khugepaged(), khugepaged_do_scan(), khugepaged_wait_work(),
collapse_scan_mm_slot().
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.collapse import collapse_scan_pmd
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE
from engine.scan_result import ScanResult
from engine.scheduler import Sleep

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.mm import MmStruct
    from engine.vma import Vma

_MILLISECOND = 1_000_000
_VISIT_COST = 2_000
"""Virtual nanoseconds for looking at an address space."""


@dataclass
class KhugepagedScan:
    """struct khugepaged_scan: the cursor."""

    mm_head: dict[int, MmStruct] = field(default_factory=dict)
    """All slots, oldest first, by address of the mm (mm_slots_hash is the same set)."""

    mm_slot: MmStruct | None = None
    address: int = 0

    def after(self, mm: MmStruct) -> MmStruct | None:
        """The slot behind one, None at the end of the list."""
        found = False
        for other in self.mm_head.values():
            if found:
                return other
            found = other is mm
        return None


@dataclass
class Progress:
    """What one round has done (struct collapse_control, as far as it is counted)."""

    done: int = 0
    result: ScanResult = ScanResult.SUCCEED


class Khugepaged:
    """The daemon and its list of address spaces."""

    def __init__(self, kernel: Kernel, migrate: Callable[[], None]) -> None:
        """migrate: the thread may wake on another CPU."""
        self._kernel = kernel
        self._migrate = migrate
        self.scan = KhugepagedScan()
        self.sleep: Sleep | None = None
        """The sleep it is in, when it is."""

    # -- which address spaces --------------------------------------------------------------

    def enter_vma(self, mm: MmStruct, vma: Vma) -> None:
        """khugepaged_enter_vma()."""
        thp = self._kernel.thp
        if not mm.registered and thp.is_on and thp.khugepaged_allowed(vma, mm):
            self.enter(mm)

    def enter(self, mm: MmStruct) -> None:
        """__khugepaged_enter(): put a slot at the end of the list."""
        if mm.registered:
            return
        mm.registered = True
        was_empty = not self.scan.mm_head
        self.scan.mm_head[mm.address] = mm
        if was_empty:
            self.wake()

    def exit(self, mm: MmStruct) -> None:
        """__khugepaged_exit(): a slot under the cursor is left to the scanner."""
        if mm.registered and self.scan.mm_slot is not mm:
            self.scan.mm_head.pop(mm.address, None)

    def wake(self) -> None:
        """End the sleep that waits for something to do."""
        if self.sleep is not None and self.sleep.until is None:
            self.sleep.end()

    def hurry(self) -> None:
        """A sleep knob was written: end any sleep."""
        if self.sleep is not None:
            self.sleep.end()

    def start_stop(self) -> None:
        """start_stop_khugepaged(): a mode was written."""
        scan = self.scan
        if not self._kernel.thp.is_on:
            slot, scan.mm_slot = scan.mm_slot, None
            if slot is not None:
                self._collect(slot)
        self.hurry()

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
        if not thp.is_on or not self.scan.mm_head:
            yield from self._rest(None)
        elif knobs.scan_sleep_millisecs:
            yield from self._rest(knobs.scan_sleep_millisecs)

    def _do_scan(self) -> Generator[Sleep, None, None]:
        """khugepaged_do_scan(): one round."""
        knobs, thp = self._kernel.thp.khugepaged, self._kernel.thp
        budget = knobs.pages_to_scan
        progress = Progress()
        may_wait = True
        passes = 0
        while progress.done < budget:
            if self.scan.mm_slot is None:
                passes += 1
            if not self.scan.mm_head or not thp.is_on or passes > 1:
                return
            self.scan_mm_slot(progress, budget)
            if progress.result is ScanResult.ALLOC_HUGE_PAGE_FAIL:
                if not may_wait:
                    return
                may_wait = False
                yield from self._rest(knobs.alloc_sleep_millisecs)
            yield Sleep(0)

    # -- one slot --------------------------------------------------------------------------

    def scan_mm_slot(self, progress: Progress, budget: int) -> None:
        """collapse_scan_mm_slot(): go on with the slot under the cursor, or the first one."""
        scan = self.scan
        before = progress.done
        progress.result = ScanResult.FAIL
        mm = scan.mm_slot
        if mm is None:
            mm = scan.mm_slot = next(iter(scan.mm_head.values()))
            scan.address = 0
        self._kernel.spend(_VISIT_COST)
        progress.done += 1
        finished = self._is_gone(mm) or self._scan_vmas(mm, progress, budget)
        if finished or mm.users == 0 or (self._leaves_disabled and mm.thp_disabled):
            self._leave(mm)
        self._kernel.trace.mm_khugepaged_scan(
            mm.address, progress.done - before, int(scan.mm_slot is None)
        )

    @property
    def _leaves_disabled(self) -> bool:
        return self._kernel.version.leaves_disabled_slot

    def _is_gone(self, mm: MmStruct) -> bool:
        """collapse_test_exit_or_disable()."""
        return mm.users == 0 or (self._kernel.version.tests_disabled and mm.thp_disabled)

    def _scan_vmas(self, mm: MmStruct, progress: Progress, budget: int) -> bool:
        """Scan from the cursor on; says whether all mappings are done."""
        scan, thp, version = self.scan, self._kernel.thp, self._kernel.version
        for vma in [vma for vma in mm.vmas if vma.end > scan.address]:
            hstart = -(-vma.start // HPAGE_PMD_SIZE) * HPAGE_PMD_SIZE
            hend = vma.end & -HPAGE_PMD_SIZE
            if not thp.khugepaged_allowed(vma, mm) or scan.address > hend:
                progress.done += 1
                continue
            scan.address = max(scan.address, hstart)
            while scan.address < hend:
                attempt = collapse_scan_pmd(self._kernel, mm, vma, scan.address, khugepaged=True)
                progress.result = attempt.result
                if attempt.result is ScanResult.SUCCEED:
                    thp.khugepaged.pages_collapsed += 1
                scan.address += HPAGE_PMD_SIZE
                progress.done += attempt.looked_at if version.counts_ptes else HPAGE_PMD_NR
                if attempt.lock_dropped or progress.done >= budget:
                    return False
        return True

    def _leave(self, mm: MmStruct) -> None:
        """Move the cursor to the next slot; a slot without users is freed."""
        scan = self.scan
        scan.mm_slot = scan.after(mm)
        scan.address = 0
        if scan.mm_slot is None:
            self._kernel.thp.khugepaged.full_scans += 1
        self._collect(mm)

    def _collect(self, mm: MmStruct) -> None:
        """collect_mm_slot()."""
        if mm.users == 0:
            self.scan.mm_head.pop(mm.address, None)
            self._kernel.drop_mm(mm)
