"""What all ways of collapsing share: struct collapse_control, the allocation, and the checks
after a lock was dropped (mm/khugepaged.c)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.effort import AT_ONCE, COLLAPSE
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, Folio
from engine.page_table import PRESENT, HugePmd, PageTable
from engine.scan_result import ScanResult
from engine.thp import Purpose
from engine.vma import Vma

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.mm import MmStruct

_R = ScanResult
_FAR = 30
"""Distance between nodes across which memory is not collapsed (node_reclaim_distance)."""


@dataclass
class CollapseControl:
    """struct collapse_control: on whose behalf, and how far."""

    kernel: Kernel
    is_khugepaged: bool
    progress: int = 0
    lock_dropped: bool = False
    """mmap_lock was let go."""

    node_load: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Pages of a range by node."""

    @property
    def purpose(self) -> Purpose:
        return Purpose.KHUGEPAGED if self.is_khugepaged else Purpose.FORCED_COLLAPSE

    @property
    def counts_nodes(self) -> bool:
        return self.kernel.memory.nodes > 1

    def aborts_at(self, node: int) -> bool:
        """collapse_scan_abort(): a page is too far from those before it."""
        memory = self.kernel.memory
        if not memory.reclaims_locally or self.node_load[node]:
            return False
        distances = memory.distances[node]
        return any(load and distances[other] > _FAR for other, load in self.node_load.items())

    @property
    def target_node(self) -> int:
        """collapse_find_target_node(): where most of the pages are."""
        return max(sorted(self.node_load), key=self.node_load.__getitem__, default=0)


def alloc_charge_folio(cc: CollapseControl, mm: MmStruct, order: int) -> Folio | ScanResult:
    """alloc_charge_folio(): new pages, charged to the cgroup of the address space."""
    kernel = cc.kernel
    tries = not cc.is_khugepaged or kernel.thp.khugepaged.defrag
    effort = COLLAPSE if tries else AT_ONCE
    node = cc.target_node if cc.counts_nodes else mm.node
    folio = kernel.memory.allocate(order, node, effort)
    counter = "collapse_alloc" if folio is not None else "collapse_alloc_failed"
    if order == HPAGE_PMD_ORDER:
        kernel.count(f"thp_{counter}")
    kernel.count_size(order, counter)
    if folio is None:
        return _R.ALLOC_HUGE_PAGE_FAIL
    if "charge" in kernel.failing or not kernel.charge(folio, mm, effort):
        kernel.memory.free(folio)
        return _R.CGROUP_CHARGE_FAIL
    if order == HPAGE_PMD_ORDER and folio.memcg is not None:
        folio.memcg.vmstat["thp_collapse_alloc"] += 1
    return folio


def find_pmd(kernel: Kernel, mm: MmStruct, address: int) -> PageTable | ScanResult:
    """find_pmd_or_thp_or_none(): the page table of a range, or why there is none."""
    pmd = mm.pmds.get(address)
    if isinstance(pmd, PageTable):
        return pmd
    tells_none = _R.PMD_NONE in kernel.version.results
    if isinstance(pmd, HugePmd):
        if pmd.state & PRESENT or not tells_none:
            return _R.PMD_MAPPED
        return _R.PMD_NULL
    if not tells_none:
        return _R.NO_PTE_TABLE
    return _R.PMD_NONE if mm.has_upper(address) else _R.PMD_NULL


def is_gone(kernel: Kernel, mm: MmStruct) -> bool:
    """collapse_test_exit_or_disable()."""
    return mm.users == 0 or (kernel.version.tests_disabled and mm.is_thp_disabled)


def revalidate(
    cc: CollapseControl, mm: MmStruct, address: int, order: int, *, expect_anon: bool
) -> Vma | ScanResult:
    """hugepage_vma_revalidate(): the mapping may have changed while the lock was dropped."""
    if is_gone(cc.kernel, mm):
        return _R.ANY_PROCESS
    vma = mm.find_vma(address)
    if vma is None:
        return _R.VMA_NULL
    if not vma.spans(address & -HPAGE_PMD_SIZE):
        return _R.ADDRESS_RANGE
    if not cc.kernel.thp.allowable_orders(vma, mm, cc.purpose, 1 << order):
        return _R.VMA_CHECK
    if expect_anon and (vma.anon_vma is None or not vma.is_anonymous):
        return _R.PAGE_ANON
    return vma
