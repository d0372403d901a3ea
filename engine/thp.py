"""The knobs of transparent huge pages, and what they allow.

Modelled after mm/huge_memory.c (thp_vma_allowable_orders() and its kin), mm/shmem.c
(shmem_allowable_huge_orders()) and the sysfs part of mm/khugepaged.c.  Values have been checked by
whoever sets them.  Sets of orders are ints: bit 9 is order 9.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from engine.effort import AT_ONCE, BRIEF_FAULT, FAULT, Effort
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_ORDER, PAGE_SIZE
from engine.versions import EngineVersion

if TYPE_CHECKING:
    from engine.mm import MmStruct
    from engine.vma import Vma

ORDERS = range(1, HPAGE_PMD_ORDER + 1)
"""Orders that have a folder of their own."""

SMALLEST_ANON_ORDER = 2
PMD = 1 << HPAGE_PMD_ORDER
ANON_ORDERS = sum(1 << order for order in range(SMALLEST_ANON_ORDER, HPAGE_PMD_ORDER + 1))
FILE_ORDERS = sum(1 << order for order in ORDERS)


class Purpose(Enum):
    """What for somebody asks whether a mapping may have huge pages (enum tva_type)."""

    SMAPS = auto()
    PAGE_FAULT = auto()
    KHUGEPAGED = auto()
    FORCED_COLLAPSE = auto()


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


Knobs = tuple[dict[str, Any], dict[str, Any], dict[int, tuple[str, str]]]
"""Those of their own, those of khugepaged, and ``enabled`` and ``shmem_enabled`` by order."""

_OWN_KNOBS = ("enabled", "defrag", "use_zero_page", "shmem_enabled", "shrink_underused")
_KHUGEPAGED_KNOBS = (
    "defrag",
    "max_ptes_none",
    "max_ptes_swap",
    "max_ptes_shared",
    "pages_to_scan",
    "scan_sleep_millisecs",
    "alloc_sleep_millisecs",
)


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

    def save(self) -> Knobs:
        """What is set, without what is counted."""
        own = {name: getattr(self, name) for name in _OWN_KNOBS}
        daemon = {name: getattr(self.khugepaged, name) for name in _KHUGEPAGED_KNOBS}
        sizes = {order: (size.enabled, size.shmem_enabled) for order, size in self.sizes.items()}
        return own, daemon, sizes

    def restore(self, knobs: Knobs) -> None:
        """Set what was saved."""
        own, daemon, sizes = knobs
        vars(self).update(own)
        vars(self.khugepaged).update(daemon)
        for order, (enabled, shmem_enabled) in sizes.items():
            self.sizes[order].enabled, self.sizes[order].shmem_enabled = enabled, shmem_enabled

    # -- is there anything to do -------------------------------------------------------------

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

    def fault_effort(self, vma: Vma) -> Effort:
        """vma_thp_gfp_mask(): how hard a page fault tries to have a huge page."""
        if self.defrag == "always":
            return FAULT if vma.hugepage else BRIEF_FAULT
        return FAULT if self.defrag in ("madvise", "defer+madvise") and vma.hugepage else AT_ONCE

    @property
    def smaps_orders(self) -> int:
        """The orders that THPeligible in smaps asks for."""
        return ANON_ORDERS | FILE_ORDERS if self._version.per_size_knobs else PMD

    # -- what a mapping may have -------------------------------------------------------------

    def allowable_orders(self, vma: Vma, mm: MmStruct, purpose: Purpose, orders: int) -> int:
        """thp_vma_allowable_orders(): those of the orders that a mapping may have."""
        if vma.is_anonymous:
            orders &= ANON_ORDERS
            if purpose is not Purpose.FORCED_COLLAPSE:
                orders &= self._anon_orders(vma)
        else:
            orders &= FILE_ORDERS
        if not orders or self.vma_disabled(vma, mm, purpose):
            return 0
        if vma.special and (
            self._version.special_never_huge
            or purpose in (Purpose.KHUGEPAGED, Purpose.FORCED_COLLAPSE)
        ):
            return 0
        if purpose is not Purpose.PAGE_FAULT:
            orders = _fitting(vma, orders)
        if vma.mapping is not None:
            return self._file_orders(vma.mapping, vma, mm, purpose, orders) if orders else 0
        if vma.anon_vma is None and purpose in (Purpose.KHUGEPAGED, Purpose.FORCED_COLLAPSE):
            return 0
        return orders

    def vma_disabled(self, vma: Vma, mm: MmStruct, purpose: Purpose) -> bool:
        """vma_thp_disabled(): madvise(2) or prctl(2) said so."""
        if vma.nohugepage or mm.is_thp_disabled:
            return True
        advised = vma.hugepage or purpose is Purpose.FORCED_COLLAPSE
        return mm.thp_needs_advice and not advised

    def _anon_orders(self, vma: Vma) -> int:
        """The sizes that the knobs allow for anonymous memory."""
        inherits = self.enabled == "always" or (vma.hugepage and self.enabled == "madvise")
        allowed = {"always"} | ({"madvise"} if vma.hugepage else set())
        if inherits:
            allowed.add("inherit")
        return sum(1 << order for order, size in self.sizes.items() if size.enabled in allowed)

    def fault_orders(self, vma: Vma, mm: MmStruct) -> int:
        """Orders below that of a huge page that a fault in an anonymous mapping may take."""
        if not self._version.faults_in_sizes or vma.uffd_armed:
            return 0
        return self.allowable_orders(vma, mm, Purpose.PAGE_FAULT, ANON_ORDERS & ~PMD)

    def _file_orders(
        self, mapping: AddressSpace, vma: Vma, mm: MmStruct, purpose: Purpose, orders: int
    ) -> int:
        if mapping.is_shmem and purpose is not Purpose.PAGE_FAULT:
            found = self.shmem_orders(mapping, vma, mm, vma.pgoff, purpose)
            return found & orders if self._version.shmem_orders_exact else orders * bool(found)
        if mapping.is_shmem:
            return orders
        by_sysfs = self.enabled == "always" or (vma.hugepage and self.enabled == "madvise")
        forced = purpose is Purpose.FORCED_COLLAPSE
        collapses = self._version.collapses_files
        return orders if collapses and (forced or by_sysfs) else 0

    # -- shared memory -----------------------------------------------------------------------

    def shmem_orders(
        self, mapping: AddressSpace, vma: Vma, mm: MmStruct, index: int, purpose: Purpose
    ) -> int:
        """shmem_allowable_huge_orders(): what a place of a file may have."""
        version = self._version
        if self.vma_disabled(vma, mm, purpose):
            return 0
        forced = purpose is Purpose.FORCED_COLLAPSE
        whole = self._shmem_global(mapping, vma, index, forced=forced)
        by_size = version.per_size_knobs and mapping.kind is FileKind.MEMFD
        if not by_size or (forced and version.forced_ignores_sizes):
            return whole
        if self.shmem_enabled == "deny":
            return 0
        if self.shmem_enabled == "force":
            return self._shmem_sizes({"inherit"})
        allowed = {"always"} | ({"advise"} if vma.hugepage else set())
        if whole:
            allowed.add("inherit")
        return self._shmem_sizes(allowed) | _within_size(
            mapping, index, self._shmem_sizes({"within_size"})
        )

    def _shmem_sizes(self, modes: set[str]) -> int:
        return sum(1 << order for order, size in self.sizes.items() if size.shmem_enabled in modes)

    def _shmem_global(self, mapping: AddressSpace, vma: Vma, index: int, *, forced: bool) -> int:
        """shmem_huge_global_enabled()."""
        if self.shmem_enabled == "deny":
            return 0
        if forced or self.shmem_enabled == "force":
            return PMD
        huge = self.shmem_enabled if mapping.kind is FileKind.MEMFD else mapping.huge
        every = FILE_ORDERS if self._version.shmem_orders_exact else PMD
        if huge == "always":
            return every
        if huge == "within_size":
            within = _within_size(mapping, index, every)
            if within:
                return within
        if huge in ("within_size", "advise") and vma.hugepage:
            return every
        return 0


def _fitting(vma: Vma, orders: int) -> int:
    """thp_vma_suitable_orders(): those of which an aligned block lies in the mapping."""
    for order in reversed(ORDERS):
        if not orders >> order & 1:
            continue
        size = PAGE_SIZE << order
        offset = vma.start // PAGE_SIZE - vma.pgoff
        lies = (vma.end & -size) - size >= vma.start
        if lies and (vma.is_anonymous or offset % (1 << order) == 0):
            return orders
        orders &= ~(1 << order)
    return orders


def _within_size(mapping: AddressSpace, index: int, orders: int) -> int:
    """The orders of which the block around a page ends within the file."""
    fitting = 0
    for order in ORDERS:
        end = (index & -(1 << order)) + (1 << order)
        if orders >> order & 1 and end <= mapping.size:
            fitting |= 1 << order
    return fitting
