"""What an address space adds up to, in pages: mm_counter() and total_vm (include/linux/mm.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, PAGE_SIZE, Folio
from engine.page_table import (
    MIGRATION,
    OBJECT,
    PRESENT,
    ZERO,
    HugePmd,
    PageTable,
    classes,
    states_with,
)
from engine.swap import SwapSlot

if TYPE_CHECKING:
    from engine.mm import MmStruct

_COUNTS = classes(
    dict.fromkeys(states_with(PRESENT | ZERO, PRESENT), 1)
    | dict.fromkeys(states_with(PRESENT | MIGRATION | OBJECT, MIGRATION | OBJECT), 1),
    0,
)
"""Entries of pages that are mapped, or are being migrated."""

_TABLES_OF_PMDS = 512
"""Tables of PMDs that one table above them refers to."""


@dataclass
class MmCounters:
    """Pages by kind."""

    anon: int = 0
    file: int = 0
    shmem: int = 0
    swapped: int = 0
    """Anonymous pages that are in swap space."""

    @property
    def rss(self) -> int:
        """get_mm_rss()."""
        return self.anon + self.file + self.shmem

    def count(self, folio: Folio, pages: int) -> None:
        """add_mm_counter() of mm_counter(folio)."""
        if folio.anon:
            self.anon += pages
        elif folio.mapping is None or folio.mapping.is_shmem:
            self.shmem += pages
        else:
            self.file += pages


def count_pages(mm: MmStruct) -> MmCounters:
    """What is mapped and what was swapped out; pages of zeroes do not count."""
    counters = MmCounters()
    for pmd in mm.pmds.values():
        if isinstance(pmd, HugePmd):
            if not pmd.folio.is_zero:
                counters.count(pmd.folio, HPAGE_PMD_NR)
        else:
            _count_table(counters, pmd)
    return counters


def _count_table(counters: MmCounters, table: PageTable) -> None:
    counters.anon += table.plain(0, HPAGE_PMD_NR)
    counters.swapped += table.swapped(0, HPAGE_PMD_NR)
    for index in table.with_objects(0, HPAGE_PMD_NR):
        found = table.objects[index]
        if isinstance(found, SwapSlot):
            counters.swapped += 1
        elif table.states[index] & (PRESENT | MIGRATION):
            counters.count(found, 1)


def rss(mm: MmStruct) -> int:
    """get_mm_rss(): the same as that of count_pages(), without a look at each page."""
    pages = 0
    for pmd in mm.pmds.values():
        if isinstance(pmd, PageTable):
            pages += pmd.states.translate(_COUNTS).count(1)
        elif not pmd.folio.is_zero:
            pages += HPAGE_PMD_NR
    return pages


def total_vm(mm: MmStruct) -> int:
    """Pages of all mappings."""
    return sum(vma.end - vma.start for vma in mm.vmas) // PAGE_SIZE


def page_tables(mm: MmStruct) -> int:
    """mm_pgtables_bytes(), in pages: an anonymous huge page keeps a table for when it is split."""
    lowest = sum(isinstance(pmd, PageTable) or pmd.folio.anon for pmd in mm.pmds.values())
    return lowest + len(mm.upper) + len({upper // _TABLES_OF_PMDS for upper in mm.upper})
