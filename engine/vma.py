"""Mappings of an address space.

Modelled after struct vm_area_struct (include/linux/mm_types.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE

if TYPE_CHECKING:
    from engine.filemap import AddressSpace


@dataclass(eq=False)
class AnonVma:
    """What the parts of a mapping share that was split (struct anon_vma)."""

    forked: bool = False
    """Its pages may be those of a parent."""


@dataclass(eq=False)
class Vma:
    """One mapping: [start, end)."""

    start: int
    end: int
    mapping: AddressSpace | None = None
    """The file that is mapped; None for anonymous memory."""

    pgoff: int = 0
    """Where in the file it begins, in pages; of anonymous memory, where it was first mapped."""

    shared: bool = False
    readable: bool = True
    writable: bool = True
    executable: bool = False
    hugepage: bool = False
    """madvise(MADV_HUGEPAGE) was given."""

    nohugepage: bool = False
    locked: bool = False
    dontfork: bool = False
    mergeable: bool = False
    """KSM may merge its pages."""

    accounted: bool = False
    """Counts as memory that the process may need (VM_ACCOUNT)."""

    special: bool = False
    """VM_IO, VM_PFNMAP and the like: not ordinary memory."""

    uffd_wp: bool = False
    """Registered with userfaultfd for write protection."""

    uffd_missing: bool = False
    """Registered with userfaultfd for pages that are missing."""

    guarded: bool = False
    """May have guard regions."""

    name: str = ""
    """What /proc/PID/maps calls it, when it is not a file: ``[heap]``, ``[stack]``."""

    anon_vma: AnonVma | None = None
    """Something of its own was faulted in."""

    @property
    def is_anonymous(self) -> bool:
        """vma_is_anonymous()."""
        return self.mapping is None

    @property
    def uffd_armed(self) -> bool:
        """userfaultfd_armed()."""
        return self.uffd_wp or self.uffd_missing

    def page_of(self, address: int) -> int:
        """linear_page_index(): the page of the file that is mapped at an address."""
        return self.pgoff + (address - self.start) // PAGE_SIZE

    def spans(self, base: int) -> bool:
        """The huge range at an address lies in it."""
        return self.start <= base and base + HPAGE_PMD_SIZE <= self.end

    def flags(self) -> dict[str, Any]:
        """All that two parts of one mapping have in common."""
        return {name: getattr(self, name) for name in _FLAGS}

    def split(self, address: int) -> Vma:
        """__split_vma(): end at an address; returns the rest."""
        rest = Vma(address, self.end, self.mapping, self.page_of(address), **self.flags())
        rest.anon_vma, rest.name = self.anon_vma, self.name
        self.end = address
        return rest

    def may_merge(self, other: Vma) -> bool:
        """vma_merge(): the next mapping goes on where this one ends, in the same way."""
        return (
            self.end == other.start
            and not self.special
            and self.mapping is other.mapping
            and self.page_of(self.end) == other.pgoff
            and _anon_vmas_merge(self.anon_vma, other.anon_vma)
            and self.flags() == other.flags()
        )


def _anon_vmas_merge(one: AnonVma | None, two: AnonVma | None) -> bool:
    """is_mergeable_anon_vma()."""
    if one is None or two is None:
        return not any(anon_vma is not None and anon_vma.forked for anon_vma in (one, two))
    return one is two


_FLAGS = (
    "shared",
    "readable",
    "writable",
    "executable",
    "hugepage",
    "nohugepage",
    "locked",
    "dontfork",
    "mergeable",
    "accounted",
    "special",
    "uffd_wp",
    "uffd_missing",
    "guarded",
)
