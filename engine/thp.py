"""The knobs of transparent huge pages, and what they allow.

Modelled after mm/huge_memory.c (enabled_store() and its kin, thp_vma_allowable_orders()) and the
sysfs part of mm/khugepaged.c.  Values have been checked by whoever sets them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE
from engine.versions import EngineVersion

if TYPE_CHECKING:
    from engine.mm import MmStruct
    from engine.vma import Vma

ORDERS = range(1, HPAGE_PMD_ORDER + 1)
"""Orders that have a folder of their own."""

SMALLEST_ANON_ORDER = 2


@dataclass
class SizeKnobs:
    """The knobs of one page size."""

    enabled: str = "never"
    shmem_enabled: str = "never"
    stats: dict[str, int] = field(default_factory=dict)


@dataclass
class KhugepagedKnobs:
    """``khugepaged/``."""

    defrag: bool = True
    max_ptes_none: int = 511
    max_ptes_swap: int = 64
    max_ptes_shared: int = 256
    pages_to_scan: int = 4096
    scan_sleep_millisecs: int = 10000
    alloc_sleep_millisecs: int = 60000
    pages_collapsed: int = 0
    full_scans: int = 0


class TransparentHugepage:
    """``transparent_hugepage/``."""

    def __init__(self, version: EngineVersion) -> None:
        self._version = version
        self.enabled = "always"
        self.defrag = "madvise"
        self.use_zero_page = True
        self.shmem_enabled = "never"
        self.shrink_underused = True
        self.khugepaged = KhugepagedKnobs()
        self.sizes = {order: SizeKnobs() for order in ORDERS}
        self.sizes[HPAGE_PMD_ORDER] = SizeKnobs("inherit", "inherit")
        self.fault_allocates = True
        """Page faults may make huge pages; without, only khugepaged does."""

    @property
    def is_on(self) -> bool:
        """hugepage_pmd_enabled(): khugepaged has something to do."""
        version, largest = self._version, self.sizes[HPAGE_PMD_ORDER]
        sizes = self.sizes.values() if version.any_size_keeps_awake else [largest]
        modes = {size.enabled for size in sizes}
        return (
            not modes.isdisjoint({"always", "madvise"})
            or ("inherit" in modes and self.enabled != "never")
            or (version.any_size_keeps_awake and self.enabled != "never")
            or (version.shmem_keeps_awake and self._shmem_is_on(largest.shmem_enabled))
        )

    def _shmem_is_on(self, mode: str) -> bool:
        """shmem_hpage_pmd_enabled()."""
        if self.shmem_enabled == "deny":
            return False
        return mode in ("always", "advise", "within_size") or (
            mode == "inherit" and self.shmem_enabled != "never"
        )

    def allowed(self, vma: Vma, mm: MmStruct) -> bool:
        """thp_vma_allowable_order() for a huge page of anonymous memory, sysfs honoured."""
        mode = self.sizes[HPAGE_PMD_ORDER].enabled
        if mode == "inherit":
            mode = self.enabled
        if mode == "never" or (mode == "madvise" and not vma.hugepage):
            return False
        if vma.nohugepage or mm.thp_disabled:
            return False
        last = vma.end & -HPAGE_PMD_SIZE
        return last - HPAGE_PMD_SIZE >= vma.start

    def khugepaged_allowed(self, vma: Vma, mm: MmStruct) -> bool:
        """The same for khugepaged: something must have been faulted in."""
        return self.allowed(vma, mm) and vma.has_anon_vma
