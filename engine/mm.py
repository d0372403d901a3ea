"""Address spaces: mm_struct, its mappings, its page tables, and what a process does to them.

Modelled after struct mm_struct and struct vm_area_struct (include/linux/mm_types.h) and the parts
of mm/ that change page tables: faults, fork, madvise, munmap, swapping.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.page_table import DIRTY, PRESENT, SWAP, WRITE, YOUNG, ZERO, PageTable

if TYPE_CHECKING:
    from engine.kernel import Kernel

MAPPED = PRESENT | YOUNG
PAGE_KB = PAGE_SIZE >> 10


@dataclass
class Vma:
    """One mapping of anonymous memory: [start, end)."""

    start: int
    end: int
    writable: bool = True
    hugepage: bool = False
    """madvise(MADV_HUGEPAGE) was given."""

    nohugepage: bool = False
    locked: bool = False
    has_anon_vma: bool = False
    """Something in it was faulted in."""


@dataclass
class VmaUsage:
    """How a mapping is filled, in kB."""

    rss: int = 0
    pss: int = 0
    """Each page divided by how many processes map it."""

    shared: int = 0
    referenced: int = 0
    huge: int = 0
    """Mapped as huge pages."""

    swap: int = 0


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
        self.dontneed(start, end)
        for base, first, last in list(self._ranges(start, end)):
            if last - first == HPAGE_PMD_NR:
                self.pmds.pop(base, None)
        kept = []
        for vma in self.vmas:
            if vma.start < start < vma.end:
                kept.append(replace(vma, end=start))
            if vma.start < end < vma.end:
                kept.append(replace(vma, start=end))
            if vma.end <= start or vma.start >= end:
                kept.append(vma)
        self.vmas = sorted(kept, key=lambda vma: vma.start)

    def advise_hugepage(self, vma: Vma) -> None:
        """madvise(MADV_HUGEPAGE)."""
        vma.hugepage, vma.nohugepage = True, False
        self.kernel.khugepaged.enter_vma(self, vma)

    def advise_nohugepage(self, vma: Vma) -> None:
        """madvise(MADV_NOHUGEPAGE)."""
        vma.hugepage, vma.nohugepage = False, True

    # -- faults ----------------------------------------------------------------------------

    def write(self, start: int, end: int) -> None:
        """Touch each page of [start, end) by writing to it."""
        for base, first, last in self._ranges(start, end):
            vma = self.find_vma(base + first * PAGE_SIZE)
            if vma is None:
                continue
            vma.has_anon_vma = True
            pmd = self._faulted_pmd(vma, base)
            if isinstance(pmd, Folio):
                if len(pmd.mms) == 1:
                    continue
                pmd = self.split_pmd(base)  # copy on write goes by single pages
            for index in range(first, last):
                self._write_fault(pmd, index)

    def read(self, start: int, end: int) -> None:
        """Touch each page of [start, end) by reading from it."""
        for base, first, last in self._ranges(start, end):
            vma = self.find_vma(base + first * PAGE_SIZE)
            if vma is None:
                continue
            vma.has_anon_vma = True
            pmd = self._faulted_pmd(vma, base)
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

    def _faulted_pmd(self, vma: Vma, base: int) -> Pmd:
        """do_huge_pmd_anonymous_page(), else an empty page table."""
        pmd = self.pmds.get(base)
        if pmd is not None:
            return pmd
        thp = self.kernel.thp
        if thp.allowed(vma, self) and vma.start <= base and base + HPAGE_PMD_SIZE <= vma.end:
            self.kernel.khugepaged.enter_vma(self, vma)
            folio = self.kernel.memory.allocate(HPAGE_PMD_ORDER) if thp.fault_allocates else None
            if folio is not None:
                self.kernel.count("thp_fault_alloc")
                self.map_huge(base, folio)
                return folio
            if thp.fault_allocates:
                self.kernel.count("thp_fault_fallback")
        table = self.pmds[base] = PageTable()
        return table

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
        table.set(index, 0)
        if folio is not None:
            self._drop(folio, 1)

    def map_huge(self, base: int, folio: Folio) -> None:
        """Map a huge page as a whole."""
        folio.mapcounts += 1
        folio.mms[self.address] = folio.mms.get(self.address, 0) + 1
        self.pmds[base] = folio
        self.kernel.count("nr_anon_transparent_hugepages")

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
        state = MAPPED | DIRTY | WRITE
        for index in range(HPAGE_PMD_NR):
            self.map_page(table, index, folio, state)
        self._drop(folio, 1)
        self.pmds[base] = table
        self.kernel.count("thp_split_pmd")
        self.kernel.count("nr_anon_transparent_hugepages", -1)
        return table

    # -- giving memory back ----------------------------------------------------------------

    def dontneed(self, start: int, end: int) -> None:
        """madvise(MADV_DONTNEED): drop the pages, keep the mapping."""
        for base, first, last in self._ranges(start, end):
            pmd = self.pmds.get(base)
            if isinstance(pmd, Folio):
                if last - first == HPAGE_PMD_NR:
                    del self.pmds[base]
                    self._drop(pmd, 1)
                    self.kernel.count("nr_anon_transparent_hugepages", -1)
                    continue
                pmd = self.split_pmd(base)
            if pmd is not None:
                for index in range(first, last):
                    self.unmap_page(pmd, index)

    def page_out(self, start: int, end: int) -> None:
        """madvise(MADV_PAGEOUT): swap out pages that only this process maps."""
        for base, first, last in self._ranges(start, end):
            pmd = self.pmds.get(base)
            if isinstance(pmd, Folio):
                pmd = self.split_pmd(base)
            if pmd is None:
                continue
            for index in range(first, last):
                folio = pmd.folios.get(index)
                if folio is not None and len(folio.mms) == 1:
                    self.unmap_page(pmd, index)
                    pmd.set(index, SWAP)

    def swap_in(self, table: PageTable, index: int) -> None:
        """do_swap_page() for one entry."""
        folio = self.kernel.memory.allocate()
        assert folio is not None
        self.map_page(table, index, folio, MAPPED | WRITE)

    def cool(self) -> None:
        """Forget which pages were used: time went by, and reclaim looked."""
        for pmd in self.pmds.values():
            if isinstance(pmd, PageTable):
                pmd.states[:] = bytes(state & ~YOUNG for state in pmd.states)

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
            self.dontneed(vma.start, vma.end)
        self.vmas.clear()
        self.pmds.clear()
