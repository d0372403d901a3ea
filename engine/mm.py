"""Address spaces: mm_struct, its mappings and its page tables.

Modelled after struct mm_struct (include/linux/mm_types.h), mm/memory.c and mm/huge_memory.c as far
as they map and unmap pages.  What processes do to their memory is in :mod:`engine.mmap`,
:mod:`engine.madvise`, :mod:`engine.fault` and :mod:`engine.fork`.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.memory import node_of
from engine.mm_counters import rss, total_vm
from engine.page_table import (
    DIRTY,
    OBJECT,
    WRITE,
    ZERO_PAGE,
    HugePmd,
    PageTable,
    Pmd,
)
from engine.swap import SwapSlot
from engine.vma import Vma

if TYPE_CHECKING:
    from engine.filemap import AddressSpace
    from engine.kernel import Kernel
    from engine.memcg import MemCgroup

_UPPER_SHIFT = 30
"""A table of PMDs covers one GiB."""

_MAX_PTE_MAPPED_THPS = 8

_END = attrgetter("end")


def refuse(code: int) -> OSError:
    """An error with the kernel's errno."""
    return OSError(code, os.strerror(code))


class ThpDisabled(Enum):
    """prctl(PR_SET_THP_DISABLE)."""

    NO = auto()
    COMPLETELY = auto()
    EXCEPT_ADVISED = auto()


class MmStruct:
    """An address space."""

    def __init__(self, kernel: Kernel, address: int) -> None:
        self.kernel = kernel
        self.address = address
        """Where the kernel keeps it; what ``mm`` is in events."""

        self.vmas: list[Vma] = []
        """By address."""

        self.pmds: dict[int, Pmd] = {}
        """By address of the range; absent means that there is no page table."""

        self.upper: set[int] = set()
        """The GiB for which there is a table of PMDs."""

        self.hiwater_rss = 0
        """The most pages that were mapped before some were unmapped."""

        self.hiwater_vm = 0
        """The same of pages of mappings."""

        self.arguments = ""
        """The words of its command, a NUL after each (arg_start to arg_end)."""

        self.exe_file: AddressSpace | None = None
        """The program that it runs."""

        self.faults = 0
        """Page faults that were ever taken."""

        self.major_faults = 0
        """Those of them that read from a device."""

        self.users = 1
        self.registered = False
        """khugepaged knows it (MMF_VM_HUGEPAGE)."""

        self.thp_disabled = ThpDisabled.NO
        self.locked = False
        """Somebody holds mmap_lock for writing."""

        self.files: dict[AddressSpace, None] = {}
        """All that it ever mapped."""

        self.pinned: list[Folio] = []
        """Pages to which it holds a reference of its own, as often as it does."""

        self.memcg: MemCgroup | None = None
        self.node = 0
        """Where its pages come from."""

        self.pte_mapped_thps: list[int] = []
        """Ranges whose page tables are to be retracted at the next visit."""

    @property
    def is_thp_disabled(self) -> bool:
        """mm_flags_test(MMF_DISABLE_THP_COMPLETELY)."""
        return self.thp_disabled is ThpDisabled.COMPLETELY

    @property
    def thp_needs_advice(self) -> bool:
        """mm_flags_test(MMF_DISABLE_THP_EXCEPT_ADVISED)."""
        return self.thp_disabled is ThpDisabled.EXCEPT_ADVISED

    def count_faults(self, count: int = 1) -> None:
        """mm_account_fault() in mm/memory.c."""
        self.faults += count
        self.kernel.count("pgfault", count, self.memcg)

    def count_major_fault(self) -> None:
        """A fault that was counted had to read from a device."""
        self.major_faults += 1
        self.kernel.count("pgmajfault", 1, self.memcg)

    # -- looking ---------------------------------------------------------------------------

    def find_vma(self, address: int) -> Vma | None:
        """find_vma(): the first mapping that ends above an address."""
        at = bisect_right(self.vmas, address, key=_END)
        return self.vmas[at] if at < len(self.vmas) else None

    def vmas_in(self, start: int, end: int) -> list[Vma]:
        """The mappings that have a part in [start, end)."""
        first = bisect_right(self.vmas, start, key=_END)
        found = []
        for at in range(first, len(self.vmas)):
            if self.vmas[at].start >= end:
                break
            found.append(self.vmas[at])
        return found

    @staticmethod
    def ranges(start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The parts of [start, end) by huge range: its address, first and last index + 1."""
        base = start & -HPAGE_PMD_SIZE
        while base < end:
            low = max(start, base) - base
            high = min(end, base + HPAGE_PMD_SIZE) - base
            yield base, low // PAGE_SIZE, high // PAGE_SIZE
            base += HPAGE_PMD_SIZE

    def populated(self, start: int, end: int) -> Iterator[tuple[int, Pmd, int, int]]:
        """Those of ranges() that have a page table or a huge page, with it."""
        parts = self.ranges(start, end)
        if (end - start) // HPAGE_PMD_SIZE > len(self.pmds):
            bases = sorted(base for base in self.pmds if start - HPAGE_PMD_SIZE < base < end)
            parts = (next(self.ranges(max(start, b), min(end, b + HPAGE_PMD_SIZE))) for b in bases)
        for base, first, last in parts:
            pmd = self.pmds.get(base)
            if pmd is not None:
                yield base, pmd, first, last

    def has_upper(self, base: int) -> bool:
        """There is a table of PMDs that covers an address."""
        return base >> _UPPER_SHIFT in self.upper

    def tables(self, start: int, end: int) -> Iterator[tuple[int, PageTable, int, int]]:
        """The page tables in [start, end) with the part that lies in there, huge pages split."""
        for base, pmd, first, last in self.populated(start, end):
            table = self.split_pmd(base) if isinstance(pmd, HugePmd) else pmd
            if table is not None:
                yield base, table, first, last

    # -- page tables -----------------------------------------------------------------------

    def take_table(self, base: int) -> PageTable:
        """pte_alloc(): the page table of a range that has none."""
        table = PageTable(self.kernel.memory.take_frames(self.node), self.memcg)
        self.put_pmd(base, table)
        return table

    def put_pmd(self, base: int, pmd: Pmd) -> None:
        self.pmds[base] = pmd
        self.upper.add(base >> _UPPER_SHIFT)

    def drop_table(self, base: int) -> None:
        """Free a page table, which is empty."""
        table = self.pmds.pop(base)
        if isinstance(table, PageTable):
            self.kernel.memory.give_frames(table.frames, table.lent)

    def free_tables(self, start: int, end: int) -> None:
        """free_pgtables(): those of ranges, and of GiB, in which nothing is mapped any more."""
        for base, _, _, _ in self.populated(start, end):
            if not self.vmas_in(base, base + HPAGE_PMD_SIZE):
                self.drop_table(base)
        for upper in list(self.upper):
            low, high = upper << _UPPER_SHIFT, (upper + 1) << _UPPER_SHIFT
            if low < end and high > start and not self.vmas_in(low, high):
                self.upper.discard(upper)

    # -- entries ---------------------------------------------------------------------------

    def charge(self, pages: int) -> None:
        """Account for pages of its own; ENOMEM when memory or its cgroup has no more."""
        memory = self.kernel.memory
        if not self.kernel.charge_pages(self, pages):
            raise refuse(errno.ENOMEM)
        if not memory.reserve(pages, self.node):
            if self.memcg is not None:
                self.memcg.uncharge(pages)
            raise refuse(errno.ENOMEM)

    def owns_frame(self, table: PageTable, index: int) -> bool:
        """The page number at an entry's place may be used for it."""
        return (
            not table.lent >> index & 1
            and node_of(table.frames) == self.node
            and table.memcg is self.memcg
        )

    def map_new_page(self, table: PageTable, index: int, state: int) -> None:
        """Map a small anonymous page that nobody had before; the entry is empty."""
        if self.owns_frame(table, index):
            self.charge(1)
            table.states[index] = state
            return
        folio = self.kernel.allocate_anon(self, 0)
        if folio is None:
            raise refuse(errno.ENOMEM)
        self.map_folio(table, index, folio, state)

    def fill(self, base: int, first: int, states: bytes) -> None:
        """Map new small pages, or have them paged out, where nothing is mapped yet."""
        table = self.pmds.get(base) or self.take_table(base)
        assert isinstance(table, PageTable)
        last = first + len(states)
        table.states[first:last] = states
        self.charge(table.plain(first, last))

    def folio(self, table: PageTable, index: int) -> Folio:
        """The folio that a present entry maps."""
        if table.states[index] & OBJECT:
            return table.folio(index)
        return table.make_folio(index)

    def map_folio(
        self, table: PageTable, index: int, folio: Folio, state: int, page: int = 0
    ) -> None:
        """Map a page of a folio; the entry is empty."""
        folio.note_mapping(self.address, page, 1)
        table.objects[index] = folio
        table.states[index] = state | OBJECT
        if page:
            table.pages[index] = page

    def clear_entry(self, table: PageTable, index: int) -> None:
        """Clear an entry, whatever it is, and give up what it maps."""
        self.clear_entries(table, index, index + 1)

    def clear_entries(
        self, table: PageTable, first: int, last: int, *, batched: bool | None = None
    ) -> None:
        """Clear the entries in [first, last); what nobody refers to any more is freed.

        batched: all pages of a folio are unmapped at once; None for what is usual.
        """
        plain = table.plain(first, last)
        if plain:
            self.kernel.memory.release(plain, node_of(table.frames))
            if table.memcg is not None:
                table.memcg.uncharge(plain)
        self.kernel.memory.swap += table.swapped(first, last)
        objects = table.with_objects(first, last)
        table.states[first:last] = bytes(last - first)
        if batched is None:
            batched = self.kernel.version.unmaps_in_batches
        parted: dict[Folio, int] = {}
        for index in objects:
            found = table.objects.pop(index)
            if isinstance(found, SwapSlot):
                self.kernel.put_swap(found)
                continue
            page = table.pages.pop(index, 0)
            found.note_mapping(self.address, page, -1)
            if found.order and batched:
                parted[found] = page
            else:
                self._unmapped(found, page)
        for folio, page in parted.items():
            self._unmapped(folio, page)

    def _unmapped(self, folio: Folio, page: int | None) -> None:
        """A page, or (None) the whole, is mapped no more: drop the reference that went with it."""
        if folio.anon and folio.is_partially_mapped(page):
            self.kernel.defer_split(folio)
        self.kernel.put_folio(folio)

    # -- huge pages ------------------------------------------------------------------------

    def map_huge(self, base: int, folio: Folio, state: int) -> None:
        """Map a huge page as a whole."""
        self.put_pmd(base, HugePmd(folio, state))
        if not folio.is_zero:
            folio.note_mapping(self.address, None, 1)
            if folio.entire_mapcount == 1:
                self.kernel.count(_mapped_counter(folio), 1, folio.memcg)

    def unmap_huge(self, base: int) -> None:
        """Clear the entry that maps a huge page."""
        pmd = self.pmds.pop(base)
        assert isinstance(pmd, HugePmd)
        if not pmd.folio.is_zero:
            pmd.folio.note_mapping(self.address, None, -1)
            if not pmd.folio.entire_mapcount:
                self.kernel.count(_mapped_counter(pmd.folio), -1, pmd.folio.memcg)
            self._unmapped(pmd.folio, None)

    def split_pmd(self, base: int) -> PageTable | None:
        """__split_huge_pmd(): map an anonymous huge page by 512 entries; a file's is let go."""
        pmd = self.pmds[base]
        assert isinstance(pmd, HugePmd)
        folio = pmd.folio
        self.kernel.count("thp_split_pmd")
        if not folio.anon:
            self.unmap_huge(base)
            return None
        self.pmds.pop(base)
        table = self.take_table(base)
        if folio.is_zero:
            table.states[:] = bytes([ZERO_PAGE]) * HPAGE_PMD_NR
            return table
        for index in range(HPAGE_PMD_NR):
            self.map_folio(table, index, folio, pmd.state, index)
        folio.note_mapping(self.address, None, -1)
        if not folio.entire_mapcount:
            self.kernel.count(_mapped_counter(folio), -1, folio.memcg)
        return table

    def split_folio(self, table: PageTable, folio: Folio, *, was_whole: bool = False) -> bool:
        """split_folio(): make small pages of a large one, which nobody else maps if anonymous.

        was_whole: until now it was mapped as a whole.
        """
        if folio.mapping is not None:
            return folio.mapping.split(folio)
        mapped = [index for index, found in table.objects.items() if found is folio]
        if folio.pins or folio.locked or folio.mapcount != len(mapped):
            self.kernel.count_split(folio.order, failed=True)
            return False
        if self.kernel.version.split_defers or not was_whole:
            self.kernel.defer_split(folio)
        self.kernel.count_split(folio.order, failed=False)
        pages = {table.pages.pop(index, 0): index for index in mapped}
        self.kernel.forget_large(folio)
        for page in range(folio.pages):
            small = Folio(folio.pfn + page)
            small.memcg, small.lazyfree = folio.memcg, folio.lazyfree
            small.referenced = folio.referenced
            cleared = self.kernel.version.split_finds_zeroes and folio.zeroes >> page & 1
            if page in pages and cleared:
                table.states[pages[page]] = ZERO_PAGE
                del table.objects[pages[page]]
                self.kernel.put_folio(small)
            elif page in pages:
                small.mapcount = 1
                table.objects[pages[page]] = small
            else:
                self.kernel.put_folio(small)
        return True

    # -- giving memory back ----------------------------------------------------------------

    def update_hiwater(self) -> None:
        """update_hiwater_rss() and update_hiwater_vm(): there will be less from here on."""
        if self.users:
            self.hiwater_rss = max(self.hiwater_rss, rss(self))
            self.hiwater_vm = max(self.hiwater_vm, total_vm(self))

    def zap(self, start: int, end: int) -> None:
        """zap_page_range_single(): drop what is mapped, keep the page tables."""
        self.update_hiwater()
        for base, pmd, first, last in self.populated(start, end):
            if isinstance(pmd, HugePmd) and last - first == HPAGE_PMD_NR:
                self.unmap_huge(base)
                continue
            table = self.split_pmd(base) if isinstance(pmd, HugePmd) else pmd
            if table is not None:
                self.clear_entries(table, first, last)

    def _entry_of(self, address: int, folio: Folio) -> HugePmd | PageTable | None:
        """What maps a folio of a file at an address, when that is so."""
        pmd = self.pmds.get(address & -HPAGE_PMD_SIZE)
        if isinstance(pmd, HugePmd):
            return pmd if pmd.folio is folio else None
        index = address % HPAGE_PMD_SIZE // PAGE_SIZE
        return pmd if pmd is not None and pmd.objects.get(index) is folio else None

    def unmap_file_page(self, address: int, folio: Folio) -> None:
        """Clear the entry at an address when it maps a page of a folio."""
        found = self._entry_of(address, folio)
        if isinstance(found, HugePmd):
            folio.dirty |= bool(found.state & DIRTY)
            self.unmap_huge(address & -HPAGE_PMD_SIZE)
        elif found is not None:
            index = address % HPAGE_PMD_SIZE // PAGE_SIZE
            folio.dirty |= bool(found.states[index] & DIRTY)
            self.clear_entry(found, index)

    def clean_file_page(self, address: int, folio: Folio) -> None:
        """page_mkclean(): make the entry tell of the next write."""
        found = self._entry_of(address, folio)
        if isinstance(found, HugePmd):
            found.state &= ~(DIRTY | WRITE)
        elif found is not None:
            found.states[address % HPAGE_PMD_SIZE // PAGE_SIZE] &= ~(DIRTY | WRITE)

    def queue_retraction(self, address: int) -> bool:
        """khugepaged_add_pte_mapped_thp(): False when too many are queued."""
        if len(self.pte_mapped_thps) == _MAX_PTE_MAPPED_THPS:
            return False
        self.pte_mapped_thps.append(address)
        return True


def _mapped_counter(folio: Folio) -> str:
    if folio.anon:
        return "nr_anon_transparent_hugepages"
    return (
        "nr_shmem_pmdmapped"
        if folio.mapping is None or folio.mapping.is_shmem
        else "nr_file_pmdmapped"
    )
