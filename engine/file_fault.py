"""Page faults of mapped files: do_fault() in mm/memory.c, filemap_map_pages() in mm/filemap.c."""

from __future__ import annotations

from engine.anon_fault import anon_vma_prepare, write_fault
from engine.filemap import Absent, AddressSpace
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import (
    DIRTY,
    EXCLUSIVE,
    NEW_ANON,
    PRESENT,
    UFFD_WP,
    WRITE,
    YOUNG,
    HugePmd,
    PageTable,
)
from engine.shmem import shmem_get_folio
from engine.signals import BusError
from engine.thp import Purpose
from engine.vma import Vma

_AROUND = 16
"""Pages that a read fault maps when they are there (fault_around_bytes)."""


def touch(mm: MmStruct, vma: Vma, base: int, first: int, last: int, *, write: bool) -> None:
    """Access the pages [first, last) of a huge range."""
    if write and not vma.shared:
        anon_vma_prepare(mm, vma)
    for index in range(first, last):
        pmd = mm.pmds.get(base)
        if isinstance(pmd, HugePmd):
            if not write or vma.shared:
                _touch_huge(pmd, write=write)
                return
            pmd = mm.split_pmd(base)
        if pmd is None or not pmd.states[index] & PRESENT:
            _fault(mm, vma, base, index, write=write)
            continue
        pmd.states[index] |= YOUNG
        if write:
            _written(mm, vma, pmd, index)


def _touch_huge(pmd: HugePmd, *, write: bool) -> None:
    pmd.state |= YOUNG | (DIRTY | WRITE if write else 0)
    if write:
        pmd.folio.dirty = True


def _written(mm: MmStruct, vma: Vma, table: PageTable, index: int) -> None:
    if not vma.shared:
        if not table.states[index] & WRITE:
            write_fault(mm, vma, table, index)
        table.states[index] |= DIRTY
        return
    table.states[index] = (table.states[index] | DIRTY | WRITE) & ~UFFD_WP
    table.folio(index).dirty = True


def _fault(mm: MmStruct, vma: Vma, base: int, index: int, *, write: bool) -> None:
    """do_read_fault(), do_cow_fault(), do_shared_fault()."""
    mapping = vma.mapping
    assert mapping is not None
    mm.count_faults()
    address = base + index * PAGE_SIZE
    offset = vma.page_of(address)
    if offset >= mapping.size:
        raise BusError
    pmd = mm.pmds.get(base)
    if isinstance(pmd, PageTable) and pmd.states[index] and not vma.shared:
        write_fault(mm, vma, pmd, index)
        return
    if not write and not vma.uffd_wp and _map_around(mm, vma, base, index):
        return
    folio = mapping.folio(offset) or _read(mm, vma, mapping, offset)
    if write and not vma.shared:
        table = pmd if isinstance(pmd, PageTable) else mm.take_table(base)
        mm.map_new_page(table, index, NEW_ANON)
        return
    if write:
        folio.dirty = True
    _finish(mm, vma, base, index, folio, write=write)


def _read(mm: MmStruct, vma: Vma, mapping: AddressSpace, offset: int) -> Folio:
    """The folio of a page that is not in the page cache."""
    if mapping.is_shmem:
        return shmem_get_folio(mm, vma, mapping, offset)
    kernel = mm.kernel
    mm.count_major_fault()
    huge = offset & -HPAGE_PMD_NR
    room = huge + HPAGE_PMD_NR <= mapping.size and not any(
        mapping.entries(huge, huge + HPAGE_PMD_NR)
    )
    folio = kernel.allocate_charged(mm, HPAGE_PMD_ORDER) if vma.hugepage and room else None
    if folio is not None:
        mapping.add(folio, huge)
        return folio
    return read_page(mm, mapping, offset)


def read_page(mm: MmStruct, mapping: AddressSpace, offset: int) -> Folio:
    """Read one page of a file into the page cache."""
    folio = mm.kernel.allocate_charged(mm, 0)
    if folio is None:
        raise BusError
    found = mapping.pages.get(offset)
    if isinstance(found, Absent):
        mapping.forget(found)
    mapping.add(folio, offset)
    return folio


def _finish(mm: MmStruct, vma: Vma, base: int, index: int, folio: Folio, *, write: bool) -> None:
    """finish_fault(): map a folio, as a whole when that is possible."""
    state = _state(vma, write=write)
    if _set_pmd(mm, vma, base, folio, state):
        return
    pmd = mm.pmds.get(base)
    table = pmd if isinstance(pmd, PageTable) else mm.take_table(base)
    offset = vma.page_of(base + index * PAGE_SIZE)
    first = index - (offset - folio.index)
    if mm.kernel.version.maps_whole_shmem and _fits(vma, base, first, folio, table):
        for page in range(folio.pages):
            mm.map_folio(table, first + page, folio, state, page)
    else:
        mm.clear_entry(table, index)
        mm.map_folio(table, index, folio, state, offset - folio.index)


def _fits(vma: Vma, base: int, first: int, folio: Folio, table: PageTable) -> bool:
    """All pages of a large folio of shared memory may be mapped at once."""
    start = base + first * PAGE_SIZE
    return (
        folio.order > 0
        and not vma.uffd_wp
        and vma.mapping is not None
        and vma.mapping.is_shmem
        and first >= 0
        and first + folio.pages <= HPAGE_PMD_NR
        and start >= vma.start
        and start + folio.pages * PAGE_SIZE <= vma.end
        and not any(table.states[first : first + folio.pages])
    )


def _state(vma: Vma, *, write: bool) -> int:
    assert vma.mapping is not None
    writable = vma.shared and vma.writable and (write or vma.mapping.is_shmem)
    return PRESENT | YOUNG | (WRITE if writable else 0) | (DIRTY if write else 0)


def _set_pmd(mm: MmStruct, vma: Vma, base: int, folio: Folio, state: int) -> bool:
    """do_set_pmd(): map a huge page as a whole where there is no page table."""
    kernel = mm.kernel
    fits = folio.order == HPAGE_PMD_ORDER and base not in mm.pmds and vma.spans(base)
    if not fits or folio.index != vma.page_of(base):
        return False
    if kernel.version.disabled_maps_no_pmd and kernel.thp.vma_disabled(vma, mm, Purpose.SMAPS):
        return False
    mm.map_huge(base, folio, state & ~EXCLUSIVE)
    kernel.count("thp_file_mapped")
    return True


def _map_around(mm: MmStruct, vma: Vma, base: int, index: int) -> bool:
    """do_fault_around(): map what is there of the pages around; says whether it was enough."""
    mapping = vma.mapping
    assert mapping is not None
    state = _state(vma, write=False)
    address = base + index * PAGE_SIZE
    found = mapping.folio(vma.page_of(address))
    if found is not None and _set_pmd(mm, vma, base, found, state):
        return True
    low = max(base + (index & -_AROUND) * PAGE_SIZE, vma.start)
    high = min(base + ((index & -_AROUND) + _AROUND) * PAGE_SIZE, vma.end)
    pmd = mm.pmds.get(base)
    table = pmd if isinstance(pmd, PageTable) else None
    for at in range(low, high, PAGE_SIZE):
        offset = vma.page_of(at)
        folio = mapping.folio(offset)
        if folio is None or folio.locked or not folio.uptodate or offset >= mapping.size:
            continue
        table = table or mm.take_table(base)
        place = (at - base) // PAGE_SIZE
        if not table.states[place]:
            mm.map_folio(table, place, folio, state, offset - folio.index)
    return table is not None and bool(table.states[index] & PRESENT)
