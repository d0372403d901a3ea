"""Folios: physical memory by page, and where it comes from.

Modelled after struct folio (include/linux/mm_types.h) and the buddy allocator's view of it.
"""

from __future__ import annotations

HPAGE_PMD_ORDER = 9
HPAGE_PMD_NR = 1 << HPAGE_PMD_ORDER
PAGE_SIZE = 4096
HPAGE_PMD_SIZE = HPAGE_PMD_NR * PAGE_SIZE


class Folio:
    """Pages that are allocated, mapped and freed as one."""

    __slots__ = (
        "deferred_split",
        "extra_references",
        "is_zero",
        "lazyfree",
        "locked",
        "mapcounts",
        "mms",
        "on_lru",
        "order",
        "pfn",
        "swapcache",
    )

    def __init__(self, pfn: int, order: int = 0) -> None:
        self.pfn = pfn
        """Number of the first page."""

        self.order = order
        self.mapcounts = 0
        """How often its pages are mapped, all together."""

        self.mms: dict[int, int] = {}
        """Mappings by mm, for those of large folios."""

        self.extra_references = 0
        """References that are not mappings: pins, mostly."""

        self.deferred_split = False
        """A large folio of which some page was unmapped."""

        self.is_zero = False
        """The huge page of zeroes, which all who only read share."""

        self.on_lru = True
        self.locked = False
        self.lazyfree = False
        self.swapcache = False

    @property
    def pages(self) -> int:
        return 1 << self.order

    @property
    def references(self) -> int:
        return self.mapcounts + self.extra_references + (self.pages if self.swapcache else 0)

    @property
    def expected_references(self) -> int:
        """folio_expected_ref_count(): what mappings and the swap cache account for."""
        return self.mapcounts + (self.pages if self.swapcache else 0)


class PhysicalMemory:
    """Hands out page numbers; huge ones are aligned."""

    def __init__(self, huge_pages: int | None = None) -> None:
        """huge_pages: how many may be allocated at a time; None for as many as asked."""
        self._next_page = 0x100000
        self._next_huge = 0x800000
        self._free_pages: list[int] = []
        self._free_huge: list[int] = []
        self.huge_pages_left = huge_pages
        self.has_swap = True
        self.pages_in_use = 0

    def allocate(self, order: int = 0) -> Folio | None:
        """A folio of order 0 or 9; None when there is no huge page."""
        folio = self._take(order)
        if folio is not None:
            self.pages_in_use += folio.pages
        return folio

    def _take(self, order: int) -> Folio | None:
        if order == 0:
            if self._free_pages:
                return Folio(self._free_pages.pop())
            self._next_page += 1
            return Folio(self._next_page - 1)
        if self.huge_pages_left is not None:
            if self.huge_pages_left == 0:
                return None
            self.huge_pages_left -= 1
        if self._free_huge:
            return Folio(self._free_huge.pop(), order)
        self._next_huge += HPAGE_PMD_NR
        return Folio(self._next_huge - HPAGE_PMD_NR, order)

    def free(self, folio: Folio) -> None:
        """Take back a folio that nobody maps any more."""
        self.pages_in_use -= folio.pages
        if folio.order == 0:
            self._free_pages.append(folio.pfn)
            return
        self._free_huge.append(folio.pfn)
        if self.huge_pages_left is not None:
            self.huge_pages_left += 1
