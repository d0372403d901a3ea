"""Effort that an allocation makes, by its GFP flags (include/linux/gfp_types.h)."""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """Tries of __alloc_pages_slowpath() (mm/page_alloc.c) and try_charge_memcg()."""

    compactions: int
    """Failed compactions before the allocation fails; 0 if memory is not compacted."""

    charges: int
    """Failed charges of a cgroup at its limit; 0 if nothing may be reclaimed."""


AT_ONCE = Effort(0, 0)
"""GFP_TRANSHUGE_LIGHT: what is free, or nothing."""

BRIEF_FAULT = Effort(3, 2)
"""GFP_TRANSHUGE | __GFP_NORETRY: a page fault in memory without MADV_HUGEPAGE."""

FAULT = Effort(3, 18)
"""GFP_TRANSHUGE in a page fault, which tries the nearest node alone first."""

COLLAPSE = Effort(2, 18)
"""GFP_TRANSHUGE | __GFP_THISNODE: khugepaged and MADV_COLLAPSE."""
