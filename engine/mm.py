"""Address spaces: mm_struct, its mappings, its page tables, and what a process does to them.

Modelled after struct mm_struct and struct vm_area_struct (include/linux/mm_types.h) and the parts
of mm/ that change page tables: faults, fork, madvise, munmap, swapping.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.page_table import (
    DIRTY,
    NONE,
    PRESENT,
    SWAP,
    UFFD_WP,
    WRITE,
    YOUNG,
    ZERO,
    PageTable,
)
from engine.vma import Vma, VmaUsage

if TYPE_CHECKING:
    from engine.kernel import Kernel

MAPPED = PRESENT | YOUNG
PAGE_KB = PAGE_SIZE >> 10


def refuse(code: int) -> OSError:
    """An error with the kernel's errno."""
    return OSError(code, os.strerror(code))


Pmd = PageTable | Folio
"""What maps two MiB: a page table, or a huge page."""


class MmStruct:
    """An address space."""

    def __init__(self, kernel: Kernel, address: int) -> None:
        self.kernel = kernel
        self.address = address
        """Where the kernel keeps it; what ``mm`` is in events."""

        self.vmas: list[Vma] = []
        self.pmds: dict[int, Pmd] = {}
        """By address of the range; absent means that there is no page table."""

        self.users = 1
        self.registered = False
        """khugepaged knows it (MMF_VM_HUGEPAGE)."""

        self.thp_disabled = False
        """prctl(PR_SET_THP_DISABLE)."""

    # -- looking ---------------------------------------------------------------------------

    def find_vma(self, address: int) -> Vma | None:
        """find_vma(): the first mapping that ends above an address."""
        return next((vma for vma in self.vmas if vma.end > address), None)

    def _ranges(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The parts of [start, end) by huge range: its address, first and last index + 1."""
        base = start & -HPAGE_PMD_SIZE
        while base < end:
            low = max(start, base) - base
            high = min(end, base + HPAGE_PMD_SIZE) - base
            yield base, low // PAGE_SIZE, high // PAGE_SIZE
            base += HPAGE_PMD_SIZE

    def usage(self, vma: Vma) -> VmaUsage:
        """smap_gather_stats(): what a mapping holds."""
        usage = VmaUsage()
        pss = 0.0
        for base, first, last in self._ranges(vma.start, vma.end):
            pmd = self.pmds.get(base)
            if isinstance(pmd, Folio):
                if pmd.is_zero:
                    continue
                size = (last - first) * PAGE_KB
                usage.rss += size
                usage.huge += size
                usage.referenced += size
                usage.shared += size if len(pmd.mms) > 1 else 0
                pss += size / len(pmd.mms)
            elif pmd is not None:
                states = pmd.states[first:last]
                usage.swap += PAGE_KB * sum(1 for state in states if state & SWAP)
                usage.referenced += PAGE_KB * sum(1 for state in states if state & YOUNG)
                folios = [f for index, f in pmd.folios.items() if first <= index < last]
                usage.rss += PAGE_KB * len(folios)
                usage.shared += PAGE_KB * sum(1 for folio in folios if len(folio.mms) > 1)
                pss += sum(PAGE_KB / len(folio.mms) for folio in folios)
        usage.pss = int(pss)
        return usage

    # -- mappings --------------------------------------------------------------------------

    def mmap(self, start: int, size: int) -> Vma:
        """Map anonymous memory."""
        vma = Vma(start, start + size)
        self.vmas.append(vma)
        self.vmas.sort(key=lambda other: other.start)
        return vma

    def expand(self, vma: Vma, size: int) -> None:
        """Let a mapping grow at its end, as brk(2) does."""
        vma.end += size
        self.kernel.khugepaged.enter_vma(self, vma)

    def munmap(self, start: int, end: int) -> None:
        self._split_at(start)
        self._split_at(end)
        self._zap(start, end)
        for base, first, last in self._ranges(start, end):
            if last - first == HPAGE_PMD_NR:
                self.pmds.pop(base, None)
        self.vmas = [vma for vma in self.vmas if vma.end <= start or vma.start >= end]

    def change(self, start: int, end: int, **flags: bool) -> list[Vma]:
        """Give the mappings in [start, end) other flags, splitting and merging them.

        Returns the mappings that the range then lies in.  Raises ENOMEM, afterwards, when the range
        is not mapped throughout.
        """
        changed = [vma for vma in self._mapped(start, end) if self._differs(vma, flags)]
        borders = [(max(start, vma.start), min(end, vma.end)) for vma in changed]
        for low, high in borders:
            self._split_at(low)
            self._split_at(high)
        for vma in self._mapped(start, end):
            for name, value in flags.items():
                setattr(vma, name, value)
        self._merge()
        self._require_mapped(start, end)
        return self._mapped(start, end)

    @staticmethod
    def _differs(vma: Vma, flags: dict[str, bool]) -> bool:
        return any(getattr(vma, name) != value for name, value in flags.items())

    def _mapped(self, start: int, end: int) -> list[Vma]:
        return [vma for vma in self.vmas if vma.start < end and vma.end > start]

    def _require_mapped(self, start: int, end: int) -> None:
        covered = sum(min(end, v.end) - max(start, v.start) for v in self._mapped(start, end))
        if covered < end - start:
            raise refuse(errno.ENOMEM)

    def _split_at(self, address: int) -> None:
        """__split_vma(): a huge page across the border is mapped by entries from then on."""
        for vma in self.vmas:
            if vma.start < address < vma.end:
                base = address & -HPAGE_PMD_SIZE
                if base != address and isinstance(self.pmds.get(base), Folio):
                    self.split_pmd(base)
                self.vmas.insert(self.vmas.index(vma) + 1, replace(vma, start=address))
                vma.end = address
                return

    def _merge(self) -> None:
        merged: list[Vma] = []
        for vma in self.vmas:
            if merged and merged[-1].may_merge(vma):
                merged[-1].end = vma.end
                merged[-1].has_anon_vma |= vma.has_anon_vma
                self.kernel.khugepaged.enter_vma(self, merged[-1])
            else:
                merged.append(vma)
        self.vmas = merged

    # -- advice ----------------------------------------------------------------------------

    def advise_hugepage(self, start: int, end: int) -> None:
        """madvise(MADV_HUGEPAGE)."""
        try:
            self.change(start, end, hugepage=True, nohugepage=False)
        finally:
            for vma in self._mapped(start, end):
                self.kernel.khugepaged.enter_vma(self, vma)

    def advise_nohugepage(self, start: int, end: int) -> None:
        """madvise(MADV_NOHUGEPAGE)."""
        self.change(start, end, hugepage=False, nohugepage=True)

    def protect(self, start: int, end: int, *, readable: bool, writable: bool) -> None:
        """mprotect(2)."""
        self._require_mapped(start, end)
        self.change(start, end, readable=readable, writable=writable)
        for _, state, table, index in self._entries(start, end):
            if state & PRESENT and not writable:
                table.states[index] &= ~WRITE

    def mlock(self, start: int, end: int) -> None:
        """mlock(2): keep the pages, and fault in those that are missing."""
        for vma in self.change(start, end, locked=True):
            low, high = max(start, vma.start), min(end, vma.end)
            if not vma.readable:
                raise refuse(errno.ENOMEM)
            (self.write if vma.writable else self.read)(low, high)

    def pin(self, start: int, end: int) -> None:
        """vmsplice(2): hold a reference to each page; missing ones become the page of zeroes."""
        self.read(start, end)
        for folio, _, _, _ in self._entries(start, end):
            if folio is not None:
                folio.extra_references += 1

    def write_protect(self, start: int, end: int) -> None:
        """UFFDIO_WRITEPROTECT, on mappings that are registered for it."""
        for _, state, table, index in self._entries(start, end):
            if state:
                table.states[index] = state & ~WRITE | UFFD_WP

    def _entries(self, start: int, end: int) -> Iterator[tuple[Folio | None, int, PageTable, int]]:
        """Folio, state, page table and index of each entry; huge pages are split first."""
        for base, first, last in self._ranges(start, end):
            pmd = self.pmds.get(base)
            if isinstance(pmd, Folio):
                pmd = self.split_pmd(base)
            if pmd is not None:
                for index in range(first, last):
                    yield pmd.folios.get(index), pmd.states[index], pmd, index

    # -- faults ----------------------------------------------------------------------------

    def write(self, start: int, end: int) -> None:
        """Touch each page of [start, end) by writing to it."""
        for vma, base, first, last in self._faulting(start, end):
            vma.has_anon_vma = True
            pmd = self._faulted_pmd(vma, base, writes=True)
            if isinstance(pmd, Folio):
                if len(pmd.mms) == 1 and not pmd.is_zero:
                    continue
                pmd = self.split_pmd(base)  # copy on write goes by single pages
            for index in range(first, last):
                self._write_fault(pmd, index)

    def read(self, start: int, end: int) -> None:
        """Touch each page of [start, end) by reading from it."""
        for vma, base, first, last in self._faulting(start, end):
            pmd = self._faulted_pmd(vma, base, writes=False)
            if isinstance(pmd, Folio):
                continue
            for index in range(first, last):
                state = pmd.states[index]
                if state & PRESENT:
                    pmd.states[index] |= YOUNG
                elif state & SWAP:
                    self.swap_in(pmd, index)
                else:
                    pmd.set(index, MAPPED | ZERO)

    def _faulting(self, start: int, end: int) -> Iterator[tuple[Vma, int, int, int]]:
        """The mapped parts of [start, end) by huge range, with their mapping."""
        for vma in self._mapped(start, end):
            low, high = max(start, vma.start), min(end, vma.end)
            for base, first, last in self._ranges(low, high):
                yield vma, base, first, last

    def _faulted_pmd(self, vma: Vma, base: int, *, writes: bool) -> Pmd:
        """do_huge_pmd_anonymous_page(), else an empty page table."""
        pmd = self.pmds.get(base)
        if pmd is not None:
            return pmd
        thp = self.kernel.thp
        if thp.allowed(vma, self) and vma.start <= base and base + HPAGE_PMD_SIZE <= vma.end:
            vma.has_anon_vma = True
            self.kernel.khugepaged.enter_vma(self, vma)
            folio = self._fault_folio(writes=writes)
            if folio is not None:
                self.map_huge(base, folio)
                return folio
        table = self.pmds[base] = PageTable()
        return table

    def _fault_folio(self, *, writes: bool) -> Folio | None:
        """The huge page that a fault maps: zeroes for a read, else one of its own."""
        kernel = self.kernel
        if not kernel.thp.fault_allocates:
            return None
        if not writes and kernel.thp.use_zero_page:
            return kernel.huge_zero()
        folio = kernel.memory.allocate(HPAGE_PMD_ORDER)
        kernel.count("thp_fault_alloc" if folio is not None else "thp_fault_fallback")
        return folio

    def _write_fault(self, table: PageTable, index: int) -> None:
        state = table.states[index]
        if state & SWAP:
            self.swap_in(table, index)
            state = table.states[index]
        folio = table.folios.get(index)
        if state & PRESENT and not state & ZERO and folio is not None:
            if not state & WRITE and (folio.mapcounts > 1 or folio.order):
                self.unmap_page(table, index)  # copy on write
            else:
                folio.lazyfree = False
                table.states[index] |= YOUNG | DIRTY | WRITE
                return
        new = self.kernel.memory.allocate()
        assert new is not None
        self.map_page(table, index, new, MAPPED | DIRTY | WRITE)

    # -- entries ---------------------------------------------------------------------------

    def map_page(self, table: PageTable, index: int, folio: Folio, state: int) -> None:
        folio.mapcounts += 1
        folio.mms[self.address] = folio.mms.get(self.address, 0) + 1
        table.set(index, state, folio)

    def unmap_page(self, table: PageTable, index: int) -> None:
        """Clear an entry, whatever it is; a folio that nobody maps any more is freed."""
        folio = table.folios.get(index)
        table.set(index, NONE)
        if folio is not None:
            self._drop(folio, 1)
            if folio.order and folio.mapcounts and not folio.deferred_split:
                folio.deferred_split = True
                self.kernel.count("thp_deferred_split_page")

    def map_huge(self, base: int, folio: Folio) -> None:
        """Map a huge page as a whole."""
        self.pmds[base] = folio
        if not folio.is_zero:
            folio.mapcounts += 1
            folio.mms[self.address] = folio.mms.get(self.address, 0) + 1
            self.kernel.count("nr_anon_transparent_hugepages")

    def _unmap_huge(self, base: int, folio: Folio) -> None:
        del self.pmds[base]
        if not folio.is_zero:
            self._drop(folio, 1)
            self.kernel.count("nr_anon_transparent_hugepages", -1)

    def _drop(self, folio: Folio, mappings: int) -> None:
        folio.mapcounts -= mappings
        left = folio.mms.get(self.address, 0) - mappings
        if left > 0:
            folio.mms[self.address] = left
        else:
            folio.mms.pop(self.address, None)
        if folio.mapcounts == 0:
            self.kernel.memory.free(folio)

    def split_pmd(self, base: int) -> PageTable:
        """__split_huge_pmd(): map the same huge page by 512 entries."""
        folio = self.pmds[base]
        if not isinstance(folio, Folio):
            return folio
        table = PageTable()
        state = MAPPED | DIRTY | (WRITE if len(folio.mms) == 1 else 0)
        for index in range(HPAGE_PMD_NR):
            if folio.is_zero:
                table.set(index, MAPPED | ZERO)
            else:
                self.map_page(table, index, folio, state)
        self._unmap_huge(base, folio)
        self.pmds[base] = table
        self.kernel.count("thp_split_pmd")
        return table

    # -- giving memory back ----------------------------------------------------------------

    def _require_unlocked(self, start: int, end: int) -> None:
        if any(vma.locked for vma in self._mapped(start, end)):
            raise refuse(errno.EINVAL)

    def dontneed(self, start: int, end: int) -> None:
        """madvise(MADV_DONTNEED): drop the pages, keep the mapping."""
        self._require_unlocked(start, end)
        self._zap(start, end)

    def _zap(self, start: int, end: int) -> None:
        for base, first, last in self._ranges(start, end):
            pmd = self.pmds.get(base)
            if isinstance(pmd, Folio):
                if last - first == HPAGE_PMD_NR:
                    self._unmap_huge(base, pmd)
                    continue
                pmd = self.split_pmd(base)
            if pmd is None:
                continue
            for index in range(first, last):
                self.unmap_page(pmd, index)
            if last - first == HPAGE_PMD_NR and self.kernel.version.reclaims_page_tables:
                del self.pmds[base]

    def free(self, start: int, end: int) -> None:
        """madvise(MADV_FREE): the kernel may drop the pages until they are written again."""
        self._require_unlocked(start, end)
        for folio, state, table, index in self._entries(start, end):
            if state & SWAP:
                table.set(index, NONE)
            elif folio is not None and len(folio.mms) == 1:
                folio.lazyfree = True
                table.states[index] = state & ~(YOUNG | DIRTY)

    def cold(self, start: int, end: int) -> None:
        """madvise(MADV_COLD): the pages are not in use."""
        self._require_unlocked(start, end)
        for folio, state, table, index in self._entries(start, end):
            if folio is not None and len(folio.mms) == 1:
                table.states[index] = state & ~YOUNG

    def page_out(self, start: int, end: int) -> None:
        """madvise(MADV_PAGEOUT): swap out pages that only this process maps."""
        self._require_unlocked(start, end)
        if not self.kernel.memory.has_swap:
            return
        for folio, _, table, index in self._entries(start, end):
            if folio is not None and len(folio.mms) == 1 and not folio.extra_references:
                if folio.lazyfree and not table.states[index] & DIRTY:
                    self.unmap_page(table, index)
                else:
                    self.unmap_page(table, index)
                    table.set(index, SWAP)

    def swap_in(self, table: PageTable, index: int) -> None:
        """do_swap_page() for one entry."""
        folio = self.kernel.memory.allocate()
        assert folio is not None
        self.map_page(table, index, folio, MAPPED | WRITE)

    # -- processes -------------------------------------------------------------------------

    def fork(self, child: MmStruct) -> None:
        """dup_mmap(): share all pages with a child, write-protected in both."""
        child.thp_disabled = self.thp_disabled
        child.vmas = [replace(vma) for vma in self.vmas]
        for base, pmd in list(self.pmds.items()):
            if isinstance(pmd, Folio):
                child.map_huge(base, pmd)
                continue
            table = child.pmds[base] = PageTable()
            for index, state in enumerate(pmd.states):
                folio = pmd.folios.get(index)
                if folio is not None:
                    pmd.states[index] = state & ~WRITE
                    child.map_page(table, index, folio, state & ~(WRITE | YOUNG))
                elif state:
                    table.set(index, state)
        if self.registered:
            self.kernel.khugepaged.enter(child)

    def exit(self) -> None:
        """exit_mmap(): the last user is gone."""
        self.users = 0
        self.kernel.khugepaged.exit(self)
        for vma in self.vmas:
            self._zap(vma.start, vma.end)
        self.vmas.clear()
        self.pmds.clear()
