"""What all address spaces share: memory, knobs, counters, tracepoints, khugepaged."""

from __future__ import annotations

import random
from collections.abc import Callable

from engine import vmstat
from engine.folio import HPAGE_PMD_ORDER, Folio, PhysicalMemory
from engine.khugepaged import Khugepaged
from engine.mm import MmStruct
from engine.thp import TransparentHugepage
from engine.tracepoints import Tracepoints
from engine.versions import EngineVersion

_MM_BASE = 0xFFFF888100000000
_MM_SIZE = 0x540
_MM_SLOTS = 1 << 20


class Kernel:
    """One machine's kernel, as far as huge pages are concerned."""

    def __init__(
        self,
        version: EngineVersion,
        spend: Callable[[int], None],
        migrate: Callable[[], None],
        seed: int = 0,
    ) -> None:
        """spend: lets virtual nanoseconds pass for work that is done.

        migrate: khugepaged may wake on another CPU.
        """
        self.version = version
        self.spend = spend
        self.random = random.Random(seed)
        self.memory = PhysicalMemory()
        self.thp = TransparentHugepage(version)
        self.vmstat = vmstat.counters(underused=version.counts_underused)
        self.trace = Tracepoints()
        self.khugepaged = Khugepaged(self, migrate)
        self._huge_zero: Folio | None = None
        self._addresses: set[int] = set()

    def count(self, name: str, by: int = 1) -> None:
        """count_vm_event()."""
        self.vmstat[name] += by

    def huge_zero(self) -> Folio | None:
        """mm_get_huge_zero_folio(): made when it is first needed; None when memory is short."""
        if self._huge_zero is None:
            folio = self._huge_zero = self.memory.allocate(HPAGE_PMD_ORDER)
            if folio is None:
                self.count("thp_zero_page_alloc_failed")
                return None
            folio.is_zero = True
            folio.extra_references = 1
            self.count("thp_zero_page_alloc")
        return self._huge_zero

    def make_mm(self) -> MmStruct:
        """An empty address space at an address of its own."""
        address = self._free_address()
        self._addresses.add(address)
        return MmStruct(self, address)

    def _free_address(self) -> int:
        while True:
            address = _MM_BASE + self.random.randrange(_MM_SLOTS) * _MM_SIZE // 64 * 64
            if address not in self._addresses:
                return address

    def release_mm(self, mm: MmStruct) -> None:
        """The last user of an address space is gone."""
        mm.exit()
        if mm.address not in self.khugepaged.scan.mm_head:
            self.drop_mm(mm)

    def drop_mm(self, mm: MmStruct) -> None:
        """mmdrop(): nobody refers to an address space any more, so its place is free."""
        self._addresses.discard(mm.address)
