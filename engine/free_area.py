"""Free blocks of memory by order: struct free_area (include/linux/mmzone.h).

A list has the number of free blocks of each order; all functions change or make such lists.
"""

from __future__ import annotations

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER

MAX_PAGE_ORDER = 10
_HAS_BUDDY = [
    sum(1 << page for page in range(0, HPAGE_PMD_NR, 2 << order))
    for order in range(HPAGE_PMD_ORDER + 1)
]
"""By order: a bit for each place at which the lower one of two buddies may begin."""


def largest_blocks(pages: int) -> list[int]:
    """The free blocks of pages in one piece that begins where a largest block does."""
    free = [pages >> order & 1 for order in range(MAX_PAGE_ORDER + 1)]
    free[MAX_PAGE_ORDER] = pages >> MAX_PAGE_ORDER
    return free


def add_pages_of_block(free: list[int], bitmap: int) -> None:
    """Add the free pages of 512 in a row.

    bitmap: a bit for each page that is free.
    """
    blocks = bitmap
    for order in range(HPAGE_PMD_ORDER):
        pairs = blocks & blocks >> (1 << order) & _HAS_BUDDY[order]
        free[order] += (blocks & ~(pairs | pairs << (1 << order))).bit_count()
        blocks = pairs
    free[HPAGE_PMD_ORDER] += blocks


def pages_in(free: list[int]) -> int:
    """The pages of all blocks together."""
    return sum(count << order for order, count in enumerate(free))


def take_pages(free: list[int], pages: int) -> int:
    """Take single pages, as rmqueue() does: smaller blocks first.

    Returns how many there were too few.
    """
    for order in range(MAX_PAGE_ORDER + 1):
        whole = min(free[order], pages >> order)
        free[order] -= whole
        pages -= whole << order
        if pages and free[order]:
            free[order] -= 1
            rest = (1 << order) - pages
            for lower in range(order):
                free[lower] += rest >> lower & 1
            return 0
    return pages


def break_blocks(free: list[int], order: int, whole: int) -> None:
    """Have all blocks from an order on lose the page in their middle, but for some.

    whole: how many blocks of exactly this order stay.
    """
    blocks = sum(free[larger] << larger - order for larger in range(order, MAX_PAGE_ORDER + 1))
    free[order:] = [0] * (MAX_PAGE_ORDER + 1 - order)
    free[order] = min(whole, blocks)
    for lower in range(order):
        free[lower] += blocks - free[order]
