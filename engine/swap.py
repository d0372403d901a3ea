"""Swap slots that more than one entry or a cache refers to (mm/swapfile.c).

A slot with a single reference and no page in the swap cache needs no object of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.folio import Folio


class SwapSlot:
    """One page of swap space."""

    __slots__ = ("count", "folio")

    def __init__(self, count: int) -> None:
        self.count = count
        """Entries of page tables that refer to it."""

        self.folio: Folio | None = None
        """The page in the swap cache."""
