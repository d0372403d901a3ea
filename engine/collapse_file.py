"""Collapsing the page cache of shared memory and files.

Modelled after mm/khugepaged.c: collapse_scan_file(), collapse_file(), retract_page_tables(),
try_collapse_pte_mapped_thp().
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.collapse import SCAN_COST
from engine.collapse_control import CollapseControl, alloc_charge_folio, find_pmd, is_gone
from engine.collapse_huge_page import COLLAPSE_COST
from engine.file_fault import read_page
from engine.filemap import Absent, AddressSpace
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, Folio
from engine.memory import node_of
from engine.mm import MmStruct
from engine.page_table import PRESENT, WRITE, YOUNG, HugePmd, PageTable
from engine.scan_result import ScanResult
from engine.shmem import shmem_get_folio
from engine.signals import BusError
from engine.thp import PMD, Purpose
from engine.tracepoints import NO_PFN
from engine.vma import Vma

_R = ScanResult

_SWAP_ENTRY_PFN = 0x5800000000
"""What a swap entry's page number would be, were it a page."""


def collapse_scan_file(
    cc: CollapseControl, mm: MmStruct, address: int, mapping: AddressSpace, start: int
) -> ScanResult:
    """Look at 512 pages of a file's page cache, and collapse them when nothing speaks against.

    address: where they are mapped in the address space that led here; start: the first page.
    """
    kernel = cc.kernel
    kernel.spend(SCAN_COST + kernel.random.randrange(SCAN_COST))
    version = kernel.version
    found = _scan(cc, mapping, start)
    existing = found.result is _R.PTE_MAPPED_HUGEPAGE
    cc.progress += 1 if existing and version.counts_ptes else HPAGE_PMD_NR
    result = found.result
    if result is _R.SUCCEED:
        limit = kernel.thp.khugepaged.max_ptes_none if cc.is_khugepaged else HPAGE_PMD_NR
        if found.present < HPAGE_PMD_NR - limit:
            kernel.count("thp_scan_exceed_none_pte")
            result = _R.EXCEED_NONE_PTE
        else:
            result = collapse_file(cc, mm, address, mapping, start)
    kernel.trace.mm_khugepaged_scan_file(
        mm.address,
        found.pfn,
        mapping.name,
        found.present,
        found.swap,
        version.results[result],
    )
    return result


@dataclass
class _Found:
    """What was counted in the page cache."""

    present: int = 0
    swap: int = 0
    result: ScanResult = _R.SUCCEED
    pfn: int = NO_PFN
    """Of the folio that ended the scan."""


def _scan(cc: CollapseControl, mapping: AddressSpace, start: int) -> _Found:
    kernel = cc.kernel
    found = _Found()
    limit = kernel.thp.khugepaged.max_ptes_swap if cc.is_khugepaged else HPAGE_PMD_NR
    cc.node_load.clear()
    for _, entry in mapping.entries(start, start + HPAGE_PMD_NR):
        if isinstance(entry, Absent):
            found.swap += entry.pages if kernel.version.shmem_swaps_whole else 1
            if found.swap > limit:
                kernel.count("thp_scan_exceed_swap_pte")
                found.result = _R.EXCEED_SWAP_PTE
                if kernel.version.names_swap_entry:
                    found.pfn = _SWAP_ENTRY_PFN
                break
            continue
        found.result = _examine(cc, entry)
        if found.result is not _R.SUCCEED:
            found.pfn = entry.pfn
            break
        found.present += entry.pages
    return found


def _examine(cc: CollapseControl, folio: Folio) -> ScanResult:
    if folio.order == HPAGE_PMD_ORDER:
        return _R.PTE_MAPPED_HUGEPAGE
    if folio.order and cc.kernel.version.refuses_compound:
        return _R.PAGE_COMPOUND
    node = node_of(folio.pfn)
    if cc.aborts_at(node):
        return _R.SCAN_ABORT
    cc.node_load[node] += 1
    if not folio.on_lru:
        return _R.PAGE_LRU
    return _R.PAGE_COUNT if folio.pins else _R.SUCCEED


# -- replacing the page cache ----------------------------------------------------------------


@dataclass
class _Replacement:
    """A huge page that is to take the place of what is cached."""

    mapping: AddressSpace
    start: int
    folios: list[Folio] = field(default_factory=list)
    """Those that are held."""

    holes: list[int] = field(default_factory=list)
    index: int = 0
    """How far it got."""


def collapse_file(
    cc: CollapseControl, mm: MmStruct, address: int, mapping: AddressSpace, start: int
) -> ScanResult:
    """Replace 512 pages of the page cache by a huge page."""
    kernel = cc.kernel
    work = _Replacement(mapping, start)
    folio = alloc_charge_folio(cc, mm, HPAGE_PMD_ORDER)
    if isinstance(folio, ScanResult):
        result, pfn = folio, NO_PFN
    else:
        pfn = folio.pfn
        kernel.meanwhile("alloc")
        mapping.collapsing = True
        result = _replace(cc, mm, work, folio)
        if result is _R.SUCCEED:
            result = _retract_page_tables(cc, mm, address, mapping, folio)
        else:
            kernel.free_folio(folio)
        for held in work.folios:
            held.locked = False
        mapping.end_collapse()
    kernel.trace.mm_khugepaged_collapse_file(
        mm.address,
        pfn,
        work.index,
        address,
        int(mapping.is_shmem),
        mapping.name,
        HPAGE_PMD_NR,
        kernel.version.results[result],
    )
    return result


def _replace(cc: CollapseControl, mm: MmStruct, work: _Replacement, huge: Folio) -> ScanResult:
    kernel = cc.kernel
    mapping, start, end = work.mapping, work.start, work.start + HPAGE_PMD_NR
    if "xarray" in kernel.failing:
        return _R.FAIL
    result = _gather(cc, mm, work)
    if result is not _R.SUCCEED:
        return result
    if work.holes and "blocks" in kernel.failing:
        return _R.FAIL
    kernel.meanwhile("copy")
    kernel.spend(COLLAPSE_COST + kernel.random.randrange(COLLAPSE_COST))
    if kernel.version.copies_safely:
        bad = next((folio for folio in work.folios if folio.poisoned), None)
        if bad is not None:
            work.index = bad.index
            return _R.COPY_MC
    result = _fill_holes(cc, work)
    if result is not _R.SUCCEED:
        return result
    filled = (mapping.folio(hole) for hole in work.holes)
    for folio in (*work.folios, *dict.fromkeys(folio for folio in filled if folio is not None)):
        mapping.unmap(folio)  # the faults that came meanwhile would have waited
        mapping.remove(folio)
    huge.dirty = mapping.is_shmem
    mapping.add(huge, start)
    work.index = end
    return _R.SUCCEED


def _gather(cc: CollapseControl, mm: MmStruct, work: _Replacement) -> ScanResult:
    """Take hold of what is cached, reading in what is not."""
    mapping, end = work.mapping, work.start + HPAGE_PMD_NR
    work.index = work.start
    while work.index < end:
        entry = mapping.pages.get(work.index)
        if mapping.is_shmem and entry is None:
            if work.index == work.start and not any(mapping.entries(work.start, end)):
                return _R.TRUNCATED
            work.holes.append(work.index)
            work.index += 1
            continue
        found = entry if isinstance(entry, Folio) else _read_in(cc, mm, mapping, work.index)
        if found is None:
            return _R.FAIL
        result = _hold(cc, mapping, found)
        if result is not _R.SUCCEED:
            return result
        work.folios.append(found)
        work.index = found.index + found.pages
    return _R.SUCCEED


def _read_in(cc: CollapseControl, mm: MmStruct, mapping: AddressSpace, index: int) -> Folio | None:
    try:
        if mapping.is_shmem:
            return shmem_get_folio(mm, None, mapping, index)
        return read_page(mm, mapping, index) if index < mapping.size else None
    except BusError:
        return None


def _hold(cc: CollapseControl, mapping: AddressSpace, folio: Folio) -> ScanResult:
    """Lock a folio, take it off the LRU and out of all page tables."""
    if not mapping.is_shmem and (folio.dirty or folio.writeback):
        return _R.PAGE_DIRTY_OR_WRITEBACK
    if folio.locked:
        return _R.PAGE_LOCK
    if not folio.uptodate:
        return _R.FAIL
    if folio.order == HPAGE_PMD_ORDER:
        return _R.PTE_MAPPED_HUGEPAGE
    if folio.order and cc.kernel.version.refuses_compound:
        return _R.PAGE_COMPOUND
    if folio.mapping is not mapping:
        return _R.TRUNCATED
    if not folio.on_lru:
        return _R.DEL_PAGE_LRU
    if folio.private:
        return _R.PAGE_HAS_PRIVATE
    mapping.unmap(folio)
    if folio.pins:
        return _R.PAGE_COUNT
    if not mapping.is_shmem and folio.dirty:
        return _R.PAGE_DIRTY_OR_WRITEBACK
    folio.locked = True
    return _R.SUCCEED


def _fill_holes(cc: CollapseControl, work: _Replacement) -> ScanResult:
    """Put placeholders where nothing was, which must still be so."""
    if not work.holes:
        return _R.SUCCEED
    work.index = work.start + HPAGE_PMD_NR
    if "store" in cc.kernel.failing:
        work.index = work.holes[0]
        return _R.STORE_FAILED
    if cc.kernel.version.finds_filled and any(hole in work.mapping.pages for hole in work.holes):
        return _R.PAGE_FILLED
    watched = any(
        vma.uffd_missing
        for _, vma in work.mapping.mappings()
        if vma.pgoff < work.index and vma.page_of(vma.end) > work.start
    )
    return _R.EXCEED_NONE_PTE if watched else _R.SUCCEED


# -- page tables -----------------------------------------------------------------------------


def _retract_page_tables(
    cc: CollapseControl, mm: MmStruct, address: int, mapping: AddressSpace, huge: Folio
) -> ScanResult:
    """retract_page_tables(): free the page tables of what is now one huge page.

    What it returns is the result of the collapse.
    """
    kernel = cc.kernel
    target = _R.FAIL
    for other, vma, base in list(mapping.places(huge.index)):
        is_target = other is mm and base == address
        result = _retract(cc, other, vma, base, is_target=is_target)
        if is_target:
            target = result
            if result is _R.SUCCEED and kernel.version.installs_at_once and not cc.is_khugepaged:
                set_huge_pmd(other, vma, base, huge)
    if kernel.version.installs_at_once:
        return target
    return _R.SUCCEED if cc.is_khugepaged else _R.PTE_MAPPED_HUGEPAGE


def _retract(
    cc: CollapseControl, mm: MmStruct, vma: Vma, base: int, *, is_target: bool
) -> ScanResult:
    """Free one page table, which must not hold more than what is cached."""
    kernel = cc.kernel
    if vma.anon_vma is not None:
        return _R.PAGE_ANON
    if base % HPAGE_PMD_SIZE != 0 or not vma.spans(base):
        return _R.VMA_CHECK
    found = find_pmd(kernel, mm, base)
    if isinstance(found, ScanResult):
        return found
    if kernel.version.installs_at_once and (mm.locked or not (cc.is_khugepaged or is_target)):
        return _R.PTE_MAPPED_HUGEPAGE
    if vma.uffd_wp or vma.guarded:
        return _R.PTE_UFFD
    mm.drop_table(base)
    return _R.SUCCEED


def try_collapse_pte_mapped_thp(
    cc: CollapseControl, mm: MmStruct, address: int, *, install: bool
) -> ScanResult:
    """Free the page table of a range whose huge page is cached; map that in its place.

    Not traced; the result counts for pages_collapsed and for what madvise(2) returns.
    """
    kernel = cc.kernel
    vma = mm.find_vma(address)
    if vma is None or vma.mapping is None or not vma.spans(address):
        return _R.VMA_CHECK
    if isinstance(mm.pmds.get(address), HugePmd):
        return _R.PMD_MAPPED
    if not kernel.thp.allowable_orders(vma, mm, Purpose.FORCED_COLLAPSE, PMD):
        return _R.VMA_CHECK
    if vma.uffd_wp:
        return _R.PTE_UFFD
    folio = vma.mapping.folio(vma.page_of(address))
    if folio is None:
        return _R.PAGE_NULL
    if folio.order != HPAGE_PMD_ORDER:
        return _R.PAGE_COMPOUND
    found = find_pmd(kernel, mm, address)
    if isinstance(found, PageTable):
        for index, state in enumerate(found.states):
            if state and not state & PRESENT:
                return _R.PTE_NON_PRESENT
            if state and found.objects.get(index) is not folio:
                return _R.FAIL
        mm.clear_entries(found, 0, HPAGE_PMD_NR)
        mm.drop_table(address)
    elif found is _R.PMD_MAPPED or (found is _R.PMD_NULL and not kernel.version.installs_in_empty):
        return found
    if install:
        set_huge_pmd(mm, vma, address, folio)
    return _R.SUCCEED


def set_huge_pmd(mm: MmStruct, vma: Vma, address: int, folio: Folio) -> None:
    """Map a huge page of a file as a whole."""
    mm.map_huge(address, folio, PRESENT | YOUNG | (WRITE if vma.writable else 0))
    mm.kernel.count("thp_file_mapped")


def collapse_range(cc: CollapseControl, mm: MmStruct, vma: Vma, address: int) -> ScanResult:
    """The part of collapse_single_pmd() for files: scan, and retract what is huge already."""
    kernel = cc.kernel
    mapping = vma.mapping
    assert mapping is not None
    start = vma.page_of(address)
    cc.lock_dropped = True
    result = collapse_scan_file(cc, mm, address, mapping, start)
    writes_back = kernel.version.writes_back and not cc.is_khugepaged
    if result is _R.PAGE_DIRTY_OR_WRITEBACK and writes_back:
        for _, entry in mapping.entries(start, start + HPAGE_PMD_NR):
            if isinstance(entry, Folio):
                mapping.clean(entry)
        result = collapse_scan_file(cc, mm, address, mapping, start)
    if result is not _R.PTE_MAPPED_HUGEPAGE:
        return result
    if cc.is_khugepaged and kernel.version.installs_at_once:
        if isinstance(find_pmd(kernel, mm, address), PageTable):
            return _R.SUCCEED if mm.queue_retraction(address) else result
        return result
    if is_gone(kernel, mm):
        return _R.ANY_PROCESS
    result = try_collapse_pte_mapped_thp(cc, mm, address, install=not cc.is_khugepaged)
    return _R.SUCCEED if result is _R.PMD_MAPPED else result


def retract_queued(cc: CollapseControl, mm: MmStruct) -> None:
    """khugepaged_collapse_pte_mapped_thps(): what was queued at the last visit."""
    for address in mm.pte_mapped_thps:
        try_collapse_pte_mapped_thp(cc, mm, address, install=False)
    mm.pte_mapped_thps.clear()
