"""Files and their page cache.

Modelled after struct address_space (include/linux/fs.h), mm/filemap.c and mm/truncate.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from engine.folio import HPAGE_PMD_ORDER, PAGE_SIZE, Folio

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.mm import MmStruct
    from engine.vma import Vma

_SHORT_NAME = 39
"""Letters of a file's name that a dentry keeps in itself."""


@dataclass(eq=False)
class Absent:
    """What the page cache has in the place of pages that are not there (a value entry)."""

    index: int
    """The first of its pages in the file."""

    order: int = 0
    swapped: bool = True
    """Shared memory that was paged out; else pages of a file that were dropped."""

    @property
    def pages(self) -> int:
        return 1 << self.order


class FileKind(Enum):
    """Where a file lives."""

    MEMFD = auto()
    """Shared memory without a name in a file system: memfd_create(2), MAP_SHARED|MAP_ANONYMOUS."""

    TMPFS = auto()
    """A file of a tmpfs mount of its own."""

    DISK = auto()
    """A file of a file system that keeps it elsewhere, with large folios in its page cache."""


class AddressSpace:
    """A file: its page cache, and who maps it."""

    def __init__(self, kernel: Kernel, name: str, kind: FileKind, pages: int) -> None:
        self.kernel = kernel
        nameless = kind is FileKind.MEMFD
        self.path = f"/{name} (deleted)" if nameless else name
        """What /proc/PID/maps says."""

        self.name = (name if nameless else name.rpartition("/")[2])[:_SHORT_NAME]
        """What events say."""

        self.inode = kernel.next_inode()
        self.kind = kind
        self.size = pages
        """i_size, in pages."""

        self.huge = "never"
        """The mount option of a tmpfs."""

        self.pages: dict[int, Folio | Absent] = {}
        """By index; a large folio is found at each of its pages."""

        self.mms: dict[int, MmStruct] = {}
        """Who may map it, by address."""

        self.collapsing = False
        """Pages are locked by a collapse."""

        self._to_punch: list[tuple[int, int]] = []
        """What waits for these locks."""

    @property
    def is_shmem(self) -> bool:
        return self.kind is not FileKind.DISK

    def folio(self, index: int) -> Folio | None:
        """The folio that has a page, when it is there."""
        found = self.pages.get(index)
        return found if isinstance(found, Folio) else None

    def entries(self, first: int, last: int) -> Iterator[tuple[int, Folio | Absent]]:
        """What there is in [first, last): each folio once, at its first page in there."""
        index = first
        while index < last:
            entry = self.pages.get(index)
            if entry is not None:
                yield index, entry
            index = index + 1 if entry is None else entry.index + entry.pages

    def add(self, folio: Folio, index: int) -> None:
        """filemap_add_folio()."""
        folio.anon, folio.mapping, folio.index = False, self, index
        for page in range(index, index + folio.pages):
            self.pages[page] = folio
        self.kernel.count("nr_file_pages", folio.pages, folio.memcg)
        if self.is_shmem:
            self.kernel.count("nr_shmem", folio.pages, folio.memcg)
        if folio.order == HPAGE_PMD_ORDER:
            self.kernel.count(self._huge_counter, 1, folio.memcg)

    @property
    def _huge_counter(self) -> str:
        return "nr_shmem_hugepages" if self.is_shmem else "nr_file_hugepages"

    def remove(self, folio: Folio, leaving: Absent | None = None) -> None:
        """filemap_remove_folio(): afterwards nothing but pins may hold it."""
        for page in range(folio.index, folio.index + folio.pages):
            if leaving is None:
                del self.pages[page]
            else:
                self.pages[page] = leaving
        self.kernel.count("nr_file_pages", -folio.pages, folio.memcg)
        if self.is_shmem:
            self.kernel.count("nr_shmem", -folio.pages, folio.memcg)
        if folio.order == HPAGE_PMD_ORDER:
            self.kernel.count(self._huge_counter, -1, folio.memcg)
        folio.mapping = None
        self.kernel.put_folio(folio)

    def open(self, mm: MmStruct) -> None:
        """A process may map it."""
        self.mms[mm.address] = mm
        mm.files[self] = None

    def close(self, mm: MmStruct) -> None:
        """A process has no more to do with it; a file without a name goes with the last one."""
        self.mms.pop(mm.address, None)
        mm.files.pop(self, None)
        if not self.mms and self.kind is FileKind.MEMFD:
            self.truncate(0)

    def forget(self, entry: Absent) -> None:
        """Give up pages that are paged out."""
        for page in range(entry.index, entry.index + entry.pages):
            del self.pages[page]
        if entry.swapped:
            self.kernel.memory.swap += entry.pages

    def mappings(self) -> Iterator[tuple[MmStruct, Vma]]:
        """i_mmap: all mappings of the file."""
        for mm in list(self.mms.values()):
            for vma in mm.vmas:
                if vma.mapping is self:
                    yield mm, vma

    def places(self, index: int) -> Iterator[tuple[MmStruct, Vma, int]]:
        """Where a page of the file would be mapped: mm, mapping and address."""
        for mm, vma in self.mappings():
            address = vma.start + (index - vma.pgoff) * PAGE_SIZE
            if vma.start <= address < vma.end:
                yield mm, vma, address

    def unmap(self, folio: Folio) -> None:
        """try_to_unmap(): take a folio out of all page tables."""
        for page in range(folio.pages if folio.mapcount else 0):
            for mm, _, address in self.places(folio.index + page):
                mm.unmap_file_page(address, folio)

    def clean(self, folio: Folio) -> None:
        """Write a folio back: nothing in memory is newer than the file afterwards."""
        folio.dirty = folio.writeback = False
        for page in range(folio.pages if folio.mapcount else 0):
            for mm, _, address in self.places(folio.index + page):
                mm.clean_file_page(address, folio)

    def split(self, folio: Folio) -> bool:
        """split_folio(): make small pages of a large one, which nobody maps afterwards."""
        kernel = self.kernel
        if folio.pins or folio.locked:
            kernel.count_split(folio.order, failed=True)
            return False
        kernel.count_split(folio.order, failed=False)
        self.unmap(folio)
        if folio.order == HPAGE_PMD_ORDER:
            kernel.count(self._huge_counter, -1, folio.memcg)
        for page in range(folio.pages):
            small = Folio(folio.pfn + page)
            small.anon, small.mapping, small.index = False, self, folio.index + page
            small.memcg, small.dirty = folio.memcg, folio.dirty
            self.pages[small.index] = small
        return True

    def truncate(self, pages: int) -> None:
        """truncate_inode_pages(): drop what lies beyond a new size."""
        self.size = pages
        self.punch(pages, max(self.pages, default=-1) + 1)

    def punch(self, first: int, last: int) -> None:
        """Drop the pages in [first, last); a large folio that lies across an end stays whole.

        While a collapse has locked pages this only unmaps them, and waits.
        """
        for mm, vma in self.mappings():
            low = max(vma.start, vma.start + (first - vma.pgoff) * PAGE_SIZE)
            high = min(vma.end, vma.start + (last - vma.pgoff) * PAGE_SIZE)
            if low < high:
                mm.zap(low, high)
        if self.collapsing:
            self._to_punch.append((first, last))
            return
        for _, entry in list(self.entries(first, last)):
            if isinstance(entry, Absent):
                self.forget(entry)
            elif entry.index >= first and entry.index + entry.pages <= last:
                self.remove(entry)

    def end_collapse(self) -> None:
        """The locks are gone: who waited for them goes on."""
        self.collapsing = False
        waiting, self._to_punch = self._to_punch, []
        for first, last in waiting:
            self.punch(first, last)
