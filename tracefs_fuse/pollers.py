"""Who sleeps in poll(2) on the files of a mount, and the thread that wakes them.

FUSE asks once whether a file is ready, and wants to be told when that changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from tracefs_fuse.fuse_session import PollHandle

_TURN = 0.05
"""Seconds between looks at polled files, for those that nobody wakes their readers for."""


class WaitQueueLike(Protocol):
    """Where blocked readers wait; see :class:`tracefs_fuse.tracing.wait_queue.WaitQueue`."""

    def wait(self, seconds: float) -> None: ...


class Pollers:
    """All methods but close() are called with the lab's lock held."""

    def __init__(
        self, lock: threading.RLock, readers: WaitQueueLike, events: Callable[[int], int]
    ) -> None:
        """events: what an open file, by its handle, is ready for."""
        self._lock = lock
        self._readers = readers
        self._events = events
        self._sleeping: dict[int, tuple[PollHandle, int]] = {}
        """By handle: who sleeps, and the events waited for."""

        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, handle: int, waiter: PollHandle, wanted: int) -> None:
        """Somebody is to be told when a file has an event that is wanted."""
        if self._thread is None:
            thread = threading.Thread(target=self._watch, daemon=True)
            thread.start()  # may fail; it waits for the lock
            self._thread = thread
        self.forget(handle)
        self._sleeping[handle] = waiter, wanted

    def forget(self, handle: int) -> None:
        """Nobody sleeps on this file any more."""
        waiter, _ = self._sleeping.pop(handle, (None, 0))
        if waiter is not None:
            waiter.destroy()

    def close(self) -> None:
        """The mount goes."""
        self._closed = True

    def _watch(self) -> None:
        """Wake those who sleep once there is what they want; ends when nobody does."""
        with self._lock:
            while self._sleeping and not self._closed:
                self._readers.wait(_TURN)
                for handle, (waiter, wanted) in list(self._sleeping.items()):
                    if self._events(handle) & wanted:
                        waiter.notify()
                        self.forget(handle)
            self._thread = None
