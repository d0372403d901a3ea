"""A page table of 512 entries, with the state of each in one byte.

Modelled after pte_t (arch/x86/include/asm/pgtable.h).  Counting and searching in the bytes is how
a whole table is looked at quickly; an entry with all bits clear is empty.
"""

from __future__ import annotations

from engine.folio import HPAGE_PMD_NR, Folio

PRESENT = 0x01
YOUNG = 0x02
DIRTY = 0x04
WRITE = 0x08
ZERO = 0x10
"""Maps the shared page of zeroes; PRESENT too."""

SWAP = 0x20
"""Paged out: not present."""

UFFD_WP = 0x40
NONE = 0


class PageTable:
    """512 entries: a state and, when present, the folio that is mapped."""

    __slots__ = ("folios", "states")

    def __init__(self) -> None:
        self.states = bytearray(HPAGE_PMD_NR)
        self.folios: dict[int, Folio] = {}

    def set(self, index: int, state: int, folio: Folio | None = None) -> None:
        self.states[index] = state
        if folio is None:
            self.folios.pop(index, None)
        else:
            self.folios[index] = folio
