"""Shared memory: where its pages come from (mm/shmem.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.effort import FAULT
from engine.filemap import Absent, AddressSpace, FileKind
from engine.folio import HPAGE_PMD_ORDER, PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.signals import BusError
from engine.thp import Purpose
from engine.vma import Vma

if TYPE_CHECKING:
    from engine.kernel import Kernel


def shmem_get_folio(mm: MmStruct, vma: Vma | None, mapping: AddressSpace, offset: int) -> Folio:
    """shmem_get_folio(): a page of the file, made or swapped in when it is not there.

    Raises BusError when there is no memory.
    """
    found = mapping.pages.get(offset)
    if isinstance(found, Folio):
        return found
    if found is not None:
        return _swap_in(mm, mapping, found, offset)
    orders = 0
    if vma is not None:
        orders = mm.kernel.thp.shmem_orders(mapping, vma, mm, offset, Purpose.PAGE_FAULT)
        if mapping.kind is FileKind.MEMFD and mm.kernel.version.per_size_knobs:
            orders = _fitting(vma, offset, orders)
    return _allocate(mm, vma, mapping, offset, orders)


def _fitting(vma: Vma, offset: int, orders: int) -> int:
    """shmem_suitable_orders(): those of which the block around a page is mapped."""
    fitting = 0
    for order in range(1, HPAGE_PMD_ORDER + 1):
        first = offset & -(1 << order)
        start = vma.start + (first - vma.pgoff) * PAGE_SIZE
        end = start + (PAGE_SIZE << order)
        if orders >> order & 1 and start >= vma.start and end <= vma.end:
            fitting |= 1 << order
    return fitting


def _swap_in(mm: MmStruct, mapping: AddressSpace, entry: Absent, offset: int) -> Folio:
    """shmem_swapin_folio(): a large entry comes back whole where there is memory for it."""
    kernel = mm.kernel
    order = entry.order if kernel.version.shmem_swaps_in_whole else 0
    folio = kernel.allocate_charged(mm, order) or kernel.allocate_charged(mm, 0)
    if folio is None:
        raise BusError
    mm.count_major_fault()
    kernel.count("pswpin", folio.pages, folio.memcg)
    mapping.forget(entry)
    folio.dirty = True
    mapping.add(folio, offset & -folio.pages)
    for index in range(entry.index, entry.index + entry.pages):
        if index not in mapping.pages:
            mapping.pages[index] = Absent(index)
            kernel.memory.swap -= 1
    return folio


def _allocate(
    mm: MmStruct, vma: Vma | None, mapping: AddressSpace, offset: int, orders: int
) -> Folio:
    """shmem_alloc_and_add_folio(): the largest that is allowed and fits."""
    for order in reversed(range(HPAGE_PMD_ORDER + 1)):
        if order and not orders >> order & 1:
            continue
        first = offset & -(1 << order)
        if any(mapping.entries(first, first + (1 << order))):
            continue
        folio = _charged(mm, vma, order)
        if folio is not None:
            mapping.add(folio, first)
            return folio
    raise BusError


def _charged(mm: MmStruct, vma: Vma | None, order: int) -> Folio | None:
    """A folio for the page cache, charged to the cgroup of the process that asks."""
    kernel = mm.kernel
    effort = kernel.thp.fault_effort(vma) if order and vma is not None else FAULT
    folio = kernel.memory.allocate(order, mm.node, effort)
    if folio is not None and kernel.charge(folio, mm, effort):
        _count_allocation(kernel, order, "alloc")
        return folio
    _count_allocation(kernel, order, "fallback")
    if folio is not None:
        _count_allocation(kernel, order, "fallback_charge")
        kernel.memory.free(folio)
    return None


def _count_allocation(kernel: Kernel, order: int, outcome: str) -> None:
    """Count what came of an allocation of more than one page."""
    if order == HPAGE_PMD_ORDER:
        kernel.count(f"thp_file_{outcome}")
    if order:
        kernel.count_size(order, f"shmem_{outcome}")
