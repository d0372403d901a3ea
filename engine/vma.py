"""Mappings of an address space.

Modelled after struct vm_area_struct (include/linux/mm_types.h).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass
class Vma:
    """One mapping of anonymous memory: [start, end)."""

    start: int
    end: int
    readable: bool = True
    writable: bool = True
    hugepage: bool = False
    """madvise(MADV_HUGEPAGE) was given."""

    nohugepage: bool = False
    locked: bool = False
    uffd_wp: bool = False
    """Registered with userfaultfd for write protection."""

    has_anon_vma: bool = False
    """Something in it was faulted in."""

    def may_merge(self, other: Vma) -> bool:
        """vma_merge(): the next mapping goes on where this one ends, in the same way."""
        flags = replace(other, start=self.start, end=self.end, has_anon_vma=self.has_anon_vma)
        return self.end == other.start and self == flags


@dataclass
class VmaUsage:
    """How a mapping is filled, in kB."""

    rss: int = 0
    pss: int = 0
    """Each page divided by how many processes map it."""

    shared: int = 0
    referenced: int = 0
    huge: int = 0
    """Mapped as huge pages."""

    swap: int = 0
