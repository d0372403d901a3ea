"""Folios: pages that are allocated, mapped and freed as one.

Modelled after struct folio (include/linux/mm_types.h) and include/linux/mm.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.filemap import AddressSpace
    from engine.memcg import MemCgroup

HPAGE_PMD_ORDER = 9
HPAGE_PMD_NR = 1 << HPAGE_PMD_ORDER
ALL_PAGES = (1 << HPAGE_PMD_NR) - 1
"""A bit for each page of a huge page."""

PAGE_SIZE = 4096
HPAGE_PMD_SIZE = HPAGE_PMD_NR * PAGE_SIZE


class Folio:
    """1 << order pages, with what the kernel knows of them.

    Anonymous pages of which there is nothing to know but that one process maps them have no folio
    of their own here: see :class:`engine.page_table.PageTable`.
    """

    __slots__ = (
        "anon",
        "deferred_split",
        "device",
        "dirty",
        "entire_mapcount",
        "index",
        "is_zero",
        "lazyfree",
        "locked",
        "mapcount",
        "mapping",
        "memcg",
        "merged",
        "mms",
        "on_lru",
        "order",
        "page_mapcounts",
        "pfn",
        "pins",
        "poisoned",
        "private",
        "referenced",
        "swapcache",
        "uptodate",
        "writeback",
        "zeroes",
    )

    def __init__(self, pfn: int, order: int = 0) -> None:
        self.pfn = pfn
        """Number of the first page."""

        self.order = order
        self.mapcount = 0
        """How often it is mapped: by entries, and as a whole."""

        self.entire_mapcount = 0
        """How often it is mapped as a whole."""

        self.page_mapcounts: list[int] = []
        """Of a large folio that entries map, or have mapped: how often they map each page."""

        self.mms: dict[int, int] | None = {} if order else None
        """Of a large folio: mappings by address of the mm."""

        self.anon = True
        """Anonymous memory, not a file's."""

        self.mapping: AddressSpace | None = None
        """The file whose page cache it is in."""

        self.index = 0
        """Place in the file, in pages."""

        self.zeroes = 0
        """Of a large folio: bit i says that nobody wrote to page i since it was cleared."""

        self.memcg: MemCgroup | None = None
        self.pins = 0
        """References that neither mappings nor caches account for."""

        self.on_lru = True
        self.locked = False
        self.referenced = False
        self.lazyfree = False
        """Given back by MADV_FREE: anonymous, and not backed by swap."""

        self.merged = False
        """One page in the place of several equal ones (KSM)."""

        self.swapcache = False
        self.uptodate = True
        self.dirty = False
        self.writeback = False
        self.private = False
        """A file system keeps data of its own with it, and cannot let go of them."""

        self.poisoned = False
        """Reading it makes a machine check."""

        self.device = False
        """Lies on a device (ZONE_DEVICE)."""

        self.is_zero = False
        """The huge page of zeroes, which all who only read share."""

        self.deferred_split = False
        """Some page of it was unmapped: it waits to be split."""

    @property
    def pages(self) -> int:
        return 1 << self.order

    @property
    def is_mapped_by_several(self) -> bool:
        """folio_maybe_mapped_shared(), as exact as it is with one counter for each mm."""
        return self.mapcount > 1 if self.mms is None else len(self.mms) > 1

    def page_mapcount(self, page: int) -> int:
        """page_mapcount(): how often one of its pages is mapped."""
        if not self.order:
            return self.mapcount
        by_entries = self.page_mapcounts[page] if self.page_mapcounts else 0
        return by_entries + self.entire_mapcount

    def is_partially_mapped(self, page: int | None) -> bool:
        """A mapping of a page, or (None) of the whole, has ended: is it mapped in part now?"""
        if not self.page_mapcounts or self.entire_mapcount or not self.mapcount:
            return False
        if page is None:
            return 0 in self.page_mapcounts
        return not self.page_mapcounts[page]

    def wrote(self, first: int, last: int) -> None:
        """Somebody wrote to the pages [first, last)."""
        if self.zeroes:
            self.zeroes &= ~(((1 << (last - first)) - 1) << first)

    def note_mapping(self, mm: int, page: int | None, by: int) -> None:
        """Count a mapping by an mm, of one page or (None) of the whole, or its end (by = -1)."""
        self.mapcount += by
        if self.mms is None:
            return
        if page is None:
            self.entire_mapcount += by
        else:
            self.page_mapcounts = self.page_mapcounts or [0] * self.pages
            self.page_mapcounts[page] += by
        left = self.mms.get(mm, 0) + by
        if left:
            self.mms[mm] = left
        else:
            del self.mms[mm]
