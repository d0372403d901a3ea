"""Where readers wait for events.

Modelled after the wait queues of kernel/trace/ring_buffer.c (struct rb_irq_work).
"""

from __future__ import annotations

import threading


class WaitQueue:
    """A condition over the lab's lock; waking is free while nobody waits."""

    def __init__(self, lock: threading.RLock) -> None:
        self._condition = threading.Condition(lock)
        self.waiting = 0
        """How many wait."""

    def wait(self, seconds: float) -> None:
        """Let the lock go until something may have happened, or the time is over."""
        self.waiting += 1
        try:
            self._condition.wait(seconds)
        finally:
            self.waiting -= 1

    def wake(self) -> None:
        """Something happened; the lock is held."""
        if self.waiting:
            self._condition.notify_all()
