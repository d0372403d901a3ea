"""A page table of 512 entries, with the state of each in one byte.

Modelled after pte_t (arch/x86/include/asm/pgtable.h) and swap entries (include/linux/swapops.h).
Counting and searching in the bytes is how a whole table is looked at quickly.  An entry with all
bits clear is empty; one without PRESENT but with other bits is a swap entry of some kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_NR, Folio
from engine.swap import SwapSlot

if TYPE_CHECKING:
    from engine.memcg import MemCgroup

NONE = 0
PRESENT = 0x01

YOUNG = 0x02
DIRTY = 0x04
WRITE = 0x08
UFFD_WP = 0x10
"""Write-protected by userfaultfd; also in swap entries and markers."""

ZERO = 0x20
"""Present, and maps the shared page of zeroes."""

OBJECT = 0x40
"""``objects`` has the folio, or the swap slot."""

EXCLUSIVE = 0x80
"""Nobody else maps the anonymous page (PageAnonExclusive)."""

SWAP = 0x02
MIGRATION = 0x04
MARKER = 0x08
"""A marker: with UFFD_WP that of userfaultfd, else one that a fault must not pass."""

NEW_ANON = PRESENT | YOUNG | DIRTY | WRITE | EXCLUSIVE
"""What a write fault installs."""

ZERO_PAGE = PRESENT | YOUNG | ZERO


def classes(class_of: dict[int, int], default: int) -> bytes:
    """For bytes.translate(): a class for each of the 256 states."""
    return bytes(class_of.get(state, default) for state in range(256))


def states_with(bits: int, value: int | None = None) -> list[int]:
    """All states in which the given bits have a value; all set by default."""
    wanted = bits if value is None else value
    return [state for state in range(256) if state & bits == wanted]


_IS_PLAIN = classes(dict.fromkeys(states_with(PRESENT | ZERO | OBJECT, PRESENT), 1), 0)
_PLAIN_DIGIT = _IS_PLAIN.translate(bytes.maketrans(b"\0\1", b"01"))
_HAS_OBJECT = classes(dict.fromkeys(states_with(OBJECT), 1), 0)
_IS_SWAP = classes({SWAP: 1, SWAP | UFFD_WP: 1}, 0)
_WRITE_PROTECTED = bytes(s & ~WRITE if s & PRESENT else s for s in range(256))


class PageTable:
    """512 entries: states, and what is mapped.

    A present entry maps the folio in ``objects`` when it has OBJECT, and else a small anonymous
    page of which nobody else knows: the one at the entry's place in ``frames``.
    """

    __slots__ = ("frames", "lent", "memcg", "objects", "pages", "states")

    def __init__(self, frames: int, memcg: MemCgroup | None = None) -> None:
        self.states = bytearray(HPAGE_PMD_NR)
        self.objects: dict[int, Folio | SwapSlot] = {}
        self.pages: dict[int, int] = {}
        """Which page of its large folio an entry maps, when that is not the first."""

        self.frames = frames
        """The first of 512 page numbers."""

        self.memcg = memcg
        """The cgroup to which the pages without a folio of their own are charged."""

        self.lent = 0
        """Bit i: the page number at place i went to a folio of its own."""

    def folio(self, index: int) -> Folio:
        """The folio of a present entry that has one."""
        found = self.objects[index]
        assert isinstance(found, Folio)
        return found

    def make_folio(self, index: int) -> Folio:
        """Give the small page that an entry maps a folio of its own."""
        folio = self.objects[index] = Folio(self.frames + index)
        folio.mapcount = 1
        folio.memcg = self.memcg
        self.lent |= 1 << index
        self.states[index] |= OBJECT
        return folio

    def pfn(self, index: int) -> int:
        """The first page number of the folio that a present entry maps."""
        found = self.objects.get(index)
        return found.pfn if isinstance(found, Folio) else self.frames + index

    def plain(self, first: int, last: int) -> int:
        """How many entries of [first, last) map pages without a folio of their own."""
        return self.states[first:last].translate(_IS_PLAIN).count(1)

    def plain_bitmap(self) -> int:
        """A bit for each entry that maps a page without a folio of its own."""
        return int(self.states[::-1].translate(_PLAIN_DIGIT), 2)

    def swapped(self, first: int, last: int) -> int:
        """How many entries of [first, last) are swap slots that nobody else refers to."""
        return self.states[first:last].translate(_IS_SWAP).count(1)

    def with_objects(self, first: int, last: int) -> list[int]:
        """The entries of [first, last) that have an object."""
        if not self.objects:
            return []
        return positions(self.states[first:last].translate(_HAS_OBJECT), 1, first)

    def write_protect(self, first: int, last: int) -> None:
        """No present entry of [first, last) may be written without a fault."""
        self.states[first:last] = self.states[first:last].translate(_WRITE_PROTECTED)

    def present(self, first: int = 0, last: int = HPAGE_PMD_NR) -> Iterator[int]:
        """The present entries of [first, last) that map a page other than that of zeroes."""
        for index in range(first, last):
            if self.states[index] & (PRESENT | ZERO) == PRESENT:
                yield index


def positions(data: bytes | bytearray, value: int, base: int = 0) -> list[int]:
    """Where a byte occurs, counted from a base."""
    found = []
    at = data.find(value)
    while at >= 0:
        found.append(base + at)
        at = data.find(value, at + 1)
    return found


class HugePmd:
    """A huge page, mapped as a whole; the state is that of an entry."""

    __slots__ = ("folio", "state")

    def __init__(self, folio: Folio, state: int) -> None:
        self.folio = folio
        self.state = state


Pmd = PageTable | HugePmd
"""What maps two MiB."""
