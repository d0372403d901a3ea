"""The list of slots: who is scanned, in which order.

Modelled after struct mm_slot (mm/mm_slot.h): a linked list, so that the next one is found and any
one is removed at once however many there are.
"""

from __future__ import annotations

from typing import Generic, TypeVar

_T = TypeVar("_T")


class _Link(Generic[_T]):
    __slots__ = ("item", "next", "previous")

    def __init__(self, item: _T, previous: _Link[_T] | None) -> None:
        self.item = item
        self.previous = previous
        self.next: _Link[_T] | None = None


class MmSlots(Generic[_T]):
    """An ordered set."""

    def __init__(self) -> None:
        self._links: dict[_T, _Link[_T]] = {}
        self._head: _Link[_T] | None = None
        self._tail: _Link[_T] | None = None

    def __len__(self) -> int:
        return len(self._links)

    @property
    def first(self) -> _T:
        assert self._head is not None
        return self._head.item

    def append(self, item: _T) -> None:
        link = self._links[item] = _Link(item, self._tail)
        if self._tail is None:
            self._head = link
        else:
            self._tail.next = link
        self._tail = link

    def after(self, item: _T) -> _T | None:
        """Who comes next; None at the end."""
        following = self._links[item].next
        return None if following is None else following.item

    def remove(self, item: _T) -> None:
        link = self._links.pop(item)
        if link.previous is None:
            self._head = link.next
        else:
            link.previous.next = link.next
        if link.next is None:
            self._tail = link.previous
        else:
            link.next.previous = link.previous
