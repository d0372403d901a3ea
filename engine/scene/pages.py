"""What scenes can do to pages that no process asks for: others hold, move, merge or break them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.folio import PAGE_SIZE, Folio
from engine.mm import MmStruct
from engine.page_table import EXCLUSIVE, MIGRATION, OBJECT, UFFD_WP, WRITE, HugePmd, PageTable


def folios(mm: MmStruct, start: int, end: int) -> Iterator[Folio]:
    """The folios that are mapped in [start, end), or cached for it."""
    for vma in mm.vmas_in(start, end):
        low, high = max(start, vma.start), min(end, vma.end)
        for base, first, last in mm.ranges(low, high):
            pmd = mm.pmds.get(base)
            for index in range(first, last):
                mapping = vma.mapping
                cached = mapping.folio(vma.page_of(base + index * PAGE_SIZE)) if mapping else None
                if isinstance(pmd, HugePmd):
                    yield pmd.folio
                    break
                if cached is not None:
                    yield cached
                elif pmd is not None and any(pmd.present(index, index + 1)):
                    yield mm.folio(pmd, index)


def large_folios(mm: MmStruct, start: int, end: int, order: int) -> int:
    """How many folios of an order are mapped in [start, end) by an entry for each page."""
    entries: Counter[Folio] = Counter()
    for _, pmd, first, last in mm.populated(start, end):
        if isinstance(pmd, PageTable):
            found = (pmd.objects[index] for index in pmd.with_objects(first, last))
            entries.update(folio for folio in found if isinstance(folio, Folio))
    return sum(folio.order == order and n == folio.pages for folio, n in entries.items())


def hold(folio: Folio) -> None:
    folio.locked = True


def isolate(folio: Folio) -> None:
    folio.on_lru = False


def corrupt(folio: Folio) -> None:
    folio.poisoned = True


def to_device(folio: Folio) -> None:
    folio.device = True


def write_back(folio: Folio) -> None:
    folio.writeback = True


def keep(folio: Folio) -> None:
    folio.private = True


def migrate(mm: MmStruct, start: int, end: int) -> None:
    """try_to_migrate(): in the place of the pages there are migration entries."""
    for _, pmd, first, last in mm.populated(start, end):
        if isinstance(pmd, HugePmd):
            pmd.state = MIGRATION
        else:
            for index in list(pmd.present(first, last)):
                mm.folio(pmd, index)
                pmd.states[index] = MIGRATION | OBJECT | pmd.states[index] & UFFD_WP


def merge(mm: MmStruct, start: int, end: int) -> None:
    """try_to_merge_one_page(): all pages become the first of them, which nobody may write.

    Only small anonymous pages can be merged.
    """
    kept: Folio | None = None
    for _, table, first, last in mm.tables(start, end):
        for index in list(table.present(first, last)):
            folio = mm.folio(table, index)
            if folio.order or not folio.anon:
                continue
            state = table.states[index] & ~(WRITE | EXCLUSIVE)
            if kept is None:
                kept, folio.merged = folio, True
                table.states[index] = state
            else:
                mm.clear_entry(table, index)
                mm.map_folio(table, index, kept, state & ~OBJECT)
