"""Physical memory: nodes, and which pages and blocks of them are free.

Modelled after mm/page_alloc.c as far as collapsing depends on it: whether a block is found, where,
and whether memory had to be compacted for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.effort import FAULT, Effort
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Folio
from engine.free_area import (
    MAX_PAGE_ORDER,
    break_blocks,
    largest_blocks,
    pages_in,
    take_pages,
)

_FIRST_PFN = 0x100000
_NODE_SHIFT = 30
"""Page numbers of a node: 1 << 30 of them."""

NODE_PAGES = 5 << 18
"""Pages of a node, all in its zone Normal: five GiB."""

LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20
_PAGE_ALLOC_COSTLY_ORDER = 3
_RECLAIMS_WHERE_SHORT = 2
"""Reclaims by one allocation when too little memory is free for compaction."""


def _count_nothing(name: str, by: int = 1) -> None:
    """Memory that is no kernel's has no counters."""


def node_of(pfn: int) -> int:
    """page_to_nid()."""
    return pfn >> _NODE_SHIFT


@dataclass
class Fragmentation:
    """What is left of large blocks in memory that is fragmented."""

    order: int = HPAGE_PMD_ORDER
    """Blocks from this order on are scarce."""

    ready: int = 0
    """Free blocks."""

    compactable: int = 0
    """Blocks that compaction can make."""


class _Node:
    """One node's page numbers.

    Free blocks come in pairs ("buddies"): of two that are free a larger one is made, so that what
    was taken apart is whole again once all of it is free.
    """

    def __init__(self, number: int) -> None:
        self._first = self._next = (number << _NODE_SHIFT) + _FIRST_PFN
        self._free: list[dict[int, None]] = [{} for _ in range(HPAGE_PMD_ORDER + 1)]
        """By order, the first pages of blocks, the one to be taken next at the end."""

        self.used = 0

    def take(self, order: int) -> int:
        """The first page of a block that nobody has."""
        free = self._free[order]
        if free:
            return free.popitem()[0]
        if order == HPAGE_PMD_ORDER:
            self._next += HPAGE_PMD_NR
            return self._next - HPAGE_PMD_NR
        block = self.take(order + 1)
        free[block + (1 << order)] = None
        return block

    def give(self, pfn: int, order: int) -> None:
        """__free_one_page()."""
        while order < HPAGE_PMD_ORDER and (buddy := pfn ^ (1 << order)) in self._free[order]:
            del self._free[order][buddy]
            pfn = min(pfn, buddy)
            order += 1
        self._free[order][pfn] = None

    def free_area(self) -> list[int]:
        """The free blocks of each order, but for those that page tables have as frames."""
        free = largest_blocks(max(0, NODE_PAGES - (self._next - self._first)))
        huge = self._free[HPAGE_PMD_ORDER]
        pairs = sum(not pfn & HPAGE_PMD_NR and pfn | HPAGE_PMD_NR in huge for pfn in huge)
        for order, blocks in enumerate(self._free):
            free[order] += len(blocks)
        free[HPAGE_PMD_ORDER] -= 2 * pairs
        free[MAX_PAGE_ORDER] += pairs
        return free


class PhysicalMemory:
    """All nodes."""

    def __init__(self, count: Callable[[str, int], None] = _count_nothing) -> None:
        """count: adds to a counter of vmstat."""
        self._count = count
        self._nodes: list[_Node] = []
        self.resize(1)
        self.limit: int | None = None
        """Pages that a node has; None for as many as are asked for."""

        self.fragmentation: Fragmentation | None = None
        self.swap = 0
        """Free pages of swap space."""

        self.swap_total = 0
        """All pages of swap space."""

        self.reclaims_locally = False
        """vm.zone_reclaim_mode: memory is not collapsed across far nodes."""

    def resize(self, nodes: int, distance: int = REMOTE_DISTANCE) -> None:
        """Have at least so many nodes, equally far from each other."""
        nodes = max(nodes, len(self._nodes))
        self._nodes += [_Node(number) for number in range(len(self._nodes), nodes)]
        self.distances = [
            [LOCAL_DISTANCE if a == b else distance for b in range(nodes)] for a in range(nodes)
        ]

    def swap_on(self, pages: int) -> None:
        """swapon(2): have so many pages of swap space, all free."""
        self.swap = self.swap_total = pages

    @property
    def nodes(self) -> int:
        return len(self._nodes)

    @property
    def pages_used(self) -> int:
        return sum(node.used for node in self._nodes)

    def reserve(self, pages: int, node: int) -> bool:
        """Count so many pages as used; False when there are not as many."""
        taken = self._nodes[node]
        if self.limit is not None and taken.used + pages > self.limit:
            return False
        taken.used += pages
        return True

    def release(self, pages: int, node: int) -> None:
        """They are free again."""
        self._nodes[node].used -= pages

    def take_frames(self, node: int) -> int:
        """The first of 512 page numbers for the pages of one page table."""
        return self._nodes[node].take(HPAGE_PMD_ORDER)

    def give_frames(self, frames: int, lent: int) -> None:
        """Take them back, all but those that went to folios; lent: a bit for each of these."""
        node = self._nodes[node_of(frames)]
        if not lent:
            node.give(frames, HPAGE_PMD_ORDER)
            return
        for index in range(HPAGE_PMD_NR):
            if not lent >> index & 1:
                node.give(frames + index, 0)

    def allocate(
        self, order: int = 0, node: int = 0, effort: Effort = FAULT, zone: str = "movable"
    ) -> Folio | None:
        """A folio; None when there is no block for it.

        zone: the highest one that the GFP flags allow; vmstat counts reclaim by it.
        """
        pages = 1 << order
        if not self.reserve(pages, node):
            if effort.compactions and order > _PAGE_ALLOC_COSTLY_ORDER:
                self._count(f"allocstall_{zone}", _RECLAIMS_WHERE_SHORT)
            return None
        if not self._find_block(order, effort, zone):
            self.release(pages, node)
            return None
        return Folio(self._nodes[node].take(order), order)

    def _find_block(self, order: int, effort: Effort, zone: str) -> bool:
        """__alloc_pages_slowpath(): whether a block is free, or compaction makes one."""
        scarce = self.fragmentation
        if scarce is None or order < scarce.order:
            return True
        if scarce.ready:
            scarce.ready -= 1
            return True
        if not effort.compactions:
            return False
        if scarce.compactable:
            scarce.compactable -= 1
            self._count("compact_stall", 1)
            self._count("compact_success", 1)
            return True
        self._count(f"allocstall_{zone}", 1)
        self._count("compact_stall", effort.compactions)
        self._count("compact_fail", effort.compactions)
        return False

    def free(self, folio: Folio) -> None:
        """Take back a folio that nobody refers to any more."""
        node = self._nodes[node_of(folio.pfn)]
        node.used -= folio.pages
        node.give(folio.pfn, folio.order)
        if self.fragmentation is not None and folio.order >= self.fragmentation.order:
            self.fragmentation.ready += 1

    def free_area(self, node: int, frames: list[int], own: int) -> list[int]:
        """The free blocks of a node's zone Normal, by order.

        frames: those in the frames of page tables.
        own: pages that the kernel has for itself.
        """
        taken = self._nodes[node]
        free = [a + b for a, b in zip(taken.free_area(), frames, strict=True)]
        allowed = NODE_PAGES - taken.used - own
        if self.limit is not None:
            allowed = min(allowed, self.limit - taken.used)
        take_pages(free, pages_in(free) - allowed)
        if self.fragmentation is not None:
            break_blocks(free, self.fragmentation.order, self.fragmentation.ready)
        return free
