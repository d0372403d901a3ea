"""Mapping memory: mmap(2), munmap(2), mremap(2), mprotect(2), mlock(2), userfaultfd(2).

Modelled after mm/mmap.c, mm/vma.c, mm/mremap.c, mm/mprotect.c, mm/mlock.c and fs/userfaultfd.c.
"""

from __future__ import annotations

import errno
from bisect import insort
from contextlib import suppress
from operator import attrgetter

from engine import fault
from engine.filemap import AddressSpace
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.mm import MmStruct, refuse
from engine.page_table import (
    EXCLUSIVE,
    MARKER,
    PRESENT,
    UFFD_WP,
    WRITE,
    HugePmd,
    PageTable,
)
from engine.vma import Vma

_START = attrgetter("start")


def mmap(
    mm: MmStruct,
    start: int,
    size: int,
    mapping: AddressSpace | None = None,
    pgoff: int = 0,
    *,
    shared: bool = False,
    writable: bool = True,
    executable: bool = False,
) -> Vma:
    """Map anonymous memory, or a file from a page of it on; EEXIST where something is mapped."""
    if mm.vmas_in(start, start + size):
        raise refuse(errno.EEXIST)
    if mapping is None:
        pgoff = start // PAGE_SIZE
    else:
        mapping.open(mm)
    vma = Vma(start, start + size, mapping, pgoff, shared, True, writable, executable)
    vma.accounted = writable and not shared
    insort(mm.vmas, vma, key=_START)
    khugepaged = mm.kernel.khugepaged
    if mapping is not None or not mm.kernel.version.enters_mapped_files_only:
        khugepaged.enter_vma(mm, vma)
    merge(mm, start, start + size)
    found = mm.find_vma(start)
    assert found is not None
    return found


def expand(mm: MmStruct, vma: Vma, size: int) -> None:
    """Let a mapping grow at its end, as brk(2) does."""
    if mm.vmas_in(vma.end, vma.end + size):
        raise refuse(errno.ENOMEM)
    vma.end += size
    mm.kernel.khugepaged.enter_vma(mm, vma)


def munmap(mm: MmStruct, start: int, end: int) -> None:
    split_at(mm, start)
    split_at(mm, end)
    mm.zap(start, end)
    mm.vmas = [vma for vma in mm.vmas if vma.end <= start or vma.start >= end]
    mm.free_tables(start, end)


def change(mm: MmStruct, start: int, end: int, **flags: bool) -> list[Vma]:
    """Give the mappings in [start, end) other flags, splitting and merging them.

    Returns the mappings that the range then lies in.  Raises ENOMEM, afterwards, when the range
    is not mapped throughout.
    """
    borders = [
        (max(start, vma.start), min(end, vma.end))
        for vma in mm.vmas_in(start, end)
        if any(getattr(vma, name) != value for name, value in flags.items())
    ]
    for low, high in borders:
        split_at(mm, low)
        split_at(mm, high)
    for vma in mm.vmas_in(start, end):
        for name, value in flags.items():
            setattr(vma, name, value)
    for low, high in borders:
        merge(mm, low, high)
    require_mapped(mm, start, end)
    return mm.vmas_in(start, end)


def require_mapped(mm: MmStruct, start: int, end: int) -> None:
    """ENOMEM when there is a hole in [start, end)."""
    covered = sum(min(end, v.end) - max(start, v.start) for v in mm.vmas_in(start, end))
    if covered < end - start:
        raise refuse(errno.ENOMEM)


def split_at(mm: MmStruct, address: int) -> None:
    """__split_vma(): a huge page across the border is mapped by entries from then on."""
    vma = mm.find_vma(address)
    if vma is None or not vma.start < address:
        return
    base = address & -HPAGE_PMD_SIZE
    if base != address and isinstance(mm.pmds.get(base), HugePmd):
        mm.split_pmd(base)
    insort(mm.vmas, vma.split(address), key=_START)


def merge(mm: MmStruct, start: int, end: int) -> None:
    """vma_merge(): make one of the neighbours that differ in nothing and meet in [start, end].

    Elsewhere they stay apart: those of a child of fork(2) do, that differed in its parent.
    """
    merged: list[Vma] = []
    grown = []
    for vma in mm.vmas:
        if merged and start <= vma.start <= end and merged[-1].may_merge(vma):
            merged[-1].end = vma.end
            merged[-1].anon_vma = merged[-1].anon_vma or vma.anon_vma
            grown.append(merged[-1])
        else:
            merged.append(vma)
    mm.vmas = merged
    for vma in grown:
        mm.kernel.khugepaged.enter_vma(mm, vma)


# -- rights --------------------------------------------------------------------------------


def mprotect(mm: MmStruct, start: int, end: int, *, readable: bool, writable: bool) -> None:
    """mprotect(2): readable or not, writable or not, up to the first hole."""
    wanted, end = end, _mapped_until(mm, start, end)
    if writable:
        for vma in mm.vmas_in(start, end):
            vma.accounted |= not vma.shared
    changed = [
        (max(start, vma.start), min(end, vma.end))
        for vma in mm.vmas_in(start, end)
        if (vma.readable, vma.writable) != (readable, writable)
    ]
    change(mm, start, end, readable=readable, writable=writable)
    for low, high in changed:
        if not writable:
            _write_protect(mm, low, high)
        else:
            _allow_writing(mm, low, high)
    require_mapped(mm, start, wanted)


def _mapped_until(mm: MmStruct, start: int, end: int) -> int:
    """Where the first hole of [start, end) begins."""
    at = start
    for vma in mm.vmas_in(start, end):
        if vma.start > at:
            break
        at = vma.end
    return min(at, end)


def _write_protect(mm: MmStruct, start: int, end: int) -> None:
    """Writes fault from now on; a huge page of which a part is meant is split."""
    for base, pmd, first, last in mm.populated(start, end):
        if isinstance(pmd, HugePmd) and last - first == HPAGE_PMD_NR:
            pmd.state &= ~WRITE
            continue
        table = mm.split_pmd(base) if isinstance(pmd, HugePmd) else pmd
        if table is not None:
            table.write_protect(first, last)


def _allow_writing(mm: MmStruct, start: int, end: int) -> None:
    """can_change_pte_writable(): pages that nobody else has become writable at once."""
    for base, pmd, first, last in mm.populated(start, end):
        if isinstance(pmd, HugePmd) and last - first == HPAGE_PMD_NR:
            if pmd.state & (EXCLUSIVE | UFFD_WP) == EXCLUSIVE:
                pmd.state |= WRITE
            continue
        table = mm.split_pmd(base) if isinstance(pmd, HugePmd) else pmd
        if table is None:
            continue
        for index in table.present(first, last):
            if table.states[index] & (EXCLUSIVE | UFFD_WP) == EXCLUSIVE:
                table.states[index] |= WRITE


def mlock(mm: MmStruct, start: int, end: int) -> None:
    """mlock(2): keep the pages, and fault in those that are missing, unless there is a hole."""
    wanted, end = end, _mapped_until(mm, start, end)
    vmas = change(mm, start, end, locked=True)
    require_mapped(mm, start, wanted)
    for vma in vmas:
        low, high = max(start, vma.start), min(end, vma.end)
        if not vma.readable:
            raise refuse(errno.ENOMEM)
        fault.touch(mm, low, high, write=vma.writable and not vma.shared)


# -- userfaultfd(2) --------------------------------------------------------------------------


def register_userfaultfd(mm: MmStruct, start: int, end: int, mode: str) -> None:
    """UFFDIO_REGISTER for pages that are missing (``missing``) or write-protected (``wp``).

    EBUSY where somebody has done so already.
    """
    if any(vma.uffd_armed for vma in mm.vmas_in(start, end)):
        raise refuse(errno.EBUSY)
    with suppress(OSError):  # there may be holes
        change(mm, start, end, **{f"uffd_{mode}": True})


def write_protect(mm: MmStruct, start: int, end: int) -> None:
    """UFFDIO_WRITEPROTECT, on mappings that are registered for it; ENOENT where there is none."""
    vmas = mm.vmas_in(start, end)
    if not vmas or (len(vmas) > 1 and not mm.kernel.version.protects_across_mappings):
        raise refuse(errno.ENOENT)
    for vma in mm.vmas_in(start, end):
        low, high = max(start, vma.start), min(end, vma.end)
        for base, first, last in mm.ranges(low, high):
            pmd = mm.pmds.get(base)
            if isinstance(pmd, HugePmd):
                if last - first == HPAGE_PMD_NR and vma.is_anonymous:
                    pmd.state = pmd.state & ~WRITE | UFFD_WP
                    continue
                pmd = mm.split_pmd(base)
            if pmd is None and not vma.is_anonymous:
                pmd = mm.take_table(base)
            if pmd is not None:
                _write_protect_entries(pmd, first, last, markers=not vma.is_anonymous)


def _write_protect_entries(table: PageTable, first: int, last: int, *, markers: bool) -> None:
    for index in range(first, last):
        state = table.states[index]
        if state & PRESENT:
            table.states[index] = state & ~WRITE | UFFD_WP
        elif state:
            table.states[index] = state | UFFD_WP
        elif markers:
            table.states[index] = MARKER | UFFD_WP


# -- moving --------------------------------------------------------------------------------


def mremap(mm: MmStruct, start: int, end: int, target: int, size: int | None = None) -> None:
    """mremap(MREMAP_MAYMOVE | MREMAP_FIXED): move [start, end) to another address.

    size: what it has there; as much as here when None.
    """
    size = end - start if size is None else size
    vma = mm.find_vma(start)
    if vma is None or vma.start > start or vma.end < end:
        raise refuse(errno.EFAULT)
    if not size or (target < end and start < target + size):
        raise refuse(errno.EINVAL)
    munmap(mm, target, target + size)
    if start + size < end:
        munmap(mm, start + size, end)
        end = start + size
    split_at(mm, start)
    split_at(mm, end)
    moved = mm.find_vma(start)
    assert moved is not None
    mm.vmas.remove(moved)
    copy = Vma(target, target + size, moved.mapping, moved.pgoff, **moved.flags())
    copy.anon_vma, copy.name = moved.anon_vma, moved.name
    insort(mm.vmas, copy, key=_START)
    _move_page_tables(mm, start, end, target)
    mm.free_tables(start, end)
    merge(mm, target, target + size)


def _move_page_tables(mm: MmStruct, start: int, end: int, target: int) -> None:
    """move_page_tables(): by entries, and by whole huge ranges where both ends allow it."""
    for base, pmd, first, last in mm.populated(start, end):
        to = target + base - start
        if last - first == HPAGE_PMD_NR and to % HPAGE_PMD_SIZE == 0:
            if to in mm.pmds:
                mm.drop_table(to)
            del mm.pmds[base]
            mm.put_pmd(to, pmd)
            continue
        table = mm.split_pmd(base) if isinstance(pmd, HugePmd) else pmd
        if table is not None:
            for index in range(first, last):
                _move_entry(mm, table, index, to + index * PAGE_SIZE)


def _move_entry(mm: MmStruct, table: PageTable, index: int, address: int) -> None:
    state = table.states[index]
    if not state:
        return
    base = address & -HPAGE_PMD_SIZE
    target = mm.pmds.get(base) or mm.take_table(base)
    assert isinstance(target, PageTable)
    there = (address - base) // PAGE_SIZE
    if state & PRESENT and not table.objects.get(index) and table.plain(index, index + 1):
        mm.folio(table, index)
        state = table.states[index]
    moved = table.objects.pop(index, None)
    if moved is not None:
        target.objects[there] = moved
        if isinstance(moved, Folio) and index in table.pages:
            target.pages[there] = table.pages.pop(index)
    table.states[index] = 0
    target.states[there] = state
