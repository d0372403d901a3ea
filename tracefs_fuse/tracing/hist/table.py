"""The table behind a histogram: keys, their entries, and how many fit.

Modelled after kernel/trace/tracing_map.c, with the limits of its element pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Key = Any
"""What the key fields hold at an event: an int (signed fields may be negative), bytes for a
string, a tuple of addresses for a stack; several keys make a tuple of these."""

Entry = list[Any]
"""By slot: the hit count, the sums (ints of any size), then variables, None while unset."""

HITCOUNT = 0


class Table:
    """Entries by key.  Composed code reads :attr:`entries` and calls :meth:`insert`."""

    def __init__(self, capacity: int) -> None:
        """capacity: entries that fit; what comes later is dropped."""
        self.capacity = capacity
        self.entries: dict[Key, Entry] = {}
        self.drops = 0
        self._blank: Entry = []

    def lay_out(self, slots: Sequence[Any]) -> None:
        """Say what a new entry holds."""
        self._blank = list(slots)

    def insert(self, key: Key) -> Entry | None:
        """tracing_map_insert() of a key that is not there; None when the table is full."""
        if len(self.entries) >= self.capacity:
            self.drops += 1
            return None
        entry = self.entries[key] = self._blank.copy()
        return entry

    @property
    def hits(self) -> int:
        """Events that were counted."""
        return sum(entry[HITCOUNT] for entry in self.entries.values())

    def clear(self) -> None:
        self.entries.clear()
        self.drops = 0
