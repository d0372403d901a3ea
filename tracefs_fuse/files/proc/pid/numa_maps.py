"""``numa_maps``: the pages of each mapping, by node.

Modelled after show_numa_map() in fs/proc/task_mmu.c.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.folio import PAGE_SIZE, Folio
from engine.memory import node_of
from engine.mm import MmStruct
from engine.page_table import DIRTY, PRESENT, ZERO, HugePmd, PageTable
from engine.vma import Vma

_ESCAPED = str.maketrans({character: f"\\{ord(character):03o}" for character in "\n\t= "})
_PLACES = {"[heap]": " heap", "[stack]": " stack"}


@dataclass
class _Pages:
    """The pages of a mapping, counted: struct numa_maps."""

    pages: int = 0
    anon: int = 0
    dirty: int = 0
    swapcache: int = 0
    mapcount_max: int = 0
    nodes: Counter[int] = field(default_factory=Counter)

    def gather(
        self, folio: Folio | None, pfn: int, count: int, mapped: int, *, dirty: bool
    ) -> None:
        """gather_stats().  folio: None for a page of anonymous memory that is mapped once."""
        self.pages += count
        self.anon += count if folio is None or folio.anon else 0
        self.dirty += count if dirty or (folio is not None and folio.dirty) else 0
        self.swapcache += count if folio is not None and folio.swapcache else 0
        self.mapcount_max = max(self.mapcount_max, mapped)
        self.nodes[node_of(pfn)] += count


def numa_maps_text(mm: MmStruct) -> Iterator[str]:
    """The lines of an address space; no mapping has a policy of its own."""
    for vma in list(mm.vmas):
        yield f"{vma.start:08x} default{_what(vma)}{_counts(vma, _pages_of(mm, vma))}\n"


def _what(vma: Vma) -> str:
    if vma.mapping is not None:
        return f" file={vma.mapping.path.translate(_ESCAPED)}"
    return _PLACES.get(vma.name, "")


def _counts(vma: Vma, pages: _Pages) -> str:
    """Pages of locked mappings count as active; no others have been used since they were new."""
    if not pages.pages:
        return ""
    counts = {
        "anon": pages.anon,
        "dirty": pages.dirty,
        "mapped": pages.pages if pages.pages not in (pages.anon, pages.dirty) else 0,
        "mapmax": pages.mapcount_max if pages.mapcount_max > 1 else 0,
        "swapcache": pages.swapcache,
    }
    said = [f" {name}={count}" for name, count in counts.items() if count]
    said += [] if vma.locked else [" active=0"]
    said += [f" N{node}={count}" for node, count in sorted(pages.nodes.items())]
    return "".join(said) + f" kernelpagesize_kB={PAGE_SIZE >> 10}"


def _pages_of(mm: MmStruct, vma: Vma) -> _Pages:
    """gather_pte_stats(): the zero pages are left out."""
    pages = _Pages()
    for _, pmd, first, last in mm.populated(vma.start, vma.end):
        if isinstance(pmd, HugePmd):
            if not pmd.folio.is_zero:
                mapped, dirty = pmd.folio.page_mapcount(0), bool(pmd.state & DIRTY)
                pages.gather(pmd.folio, pmd.folio.pfn, last - first, mapped, dirty=dirty)
        else:
            _gather_table(pages, pmd, first, last)
    return pages


def _gather_table(pages: _Pages, table: PageTable, first: int, last: int) -> None:
    for index in range(first, last):
        state = table.states[index]
        if state & (PRESENT | ZERO) != PRESENT:
            continue
        dirty, found = bool(state & DIRTY), table.objects.get(index)
        if isinstance(found, Folio):
            page = table.pages.get(index, 0)
            mapped = found.page_mapcount(page)
            pages.gather(found, found.pfn + page, 1, mapped, dirty=dirty)
        else:
            pages.gather(None, table.pfn(index), 1, 1, dirty=dirty)
