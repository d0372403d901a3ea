"""Virtual time in step with real time.

The engine never sleeps: it does what is due up to a moment.  Before each request, and when
something falls due, it is run up to the moment that real time has reached, times the speed.  When
that takes too long the lab's clock falls behind for good instead of piling up work, and the engine
rests for as long as it ran, so that requests get their share of a lab that has too much to do.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

log = logging.getLogger(__name__)

_BUDGET = 0.02
"""Seconds of real time that one catching up may take."""

_REST = 0.01
"""Least seconds between two wakings: leaves time to others, and takes together what falls due
close together."""

_SECOND = 1_000_000_000


class MachineLike(Protocol):
    """What is paced; see :class:`engine.Machine`."""

    lock: threading.RLock

    @property
    def now(self) -> int:
        """Virtual time in ns."""

    def run_until(self, moment: int, *, budget: float) -> None:
        """Do what is due by then, for so many seconds of real time at most."""

    def next_due(self) -> int | None:
        """When something falls due next."""


class Pace:
    """Runs a machine at so many virtual seconds a real second."""

    def __init__(self, machine: MachineLike, speed: float) -> None:
        self._machine = machine
        self._speed = speed
        self._real_start = time.monotonic_ns()
        self._virtual_start = machine.now
        self._due_changed = threading.Condition(machine.lock)
        self._awaited: int | None = None
        self._rests_until = 0
        self._stopped = False

    def catch_up(self) -> None:
        """Let the machine do what is due by now; the lock is held."""
        machine, began = self._machine, time.monotonic_ns()
        if began < self._rests_until:
            return
        target = self._virtual_start + int((began - self._real_start) * self._speed)
        machine.run_until(target, budget=_BUDGET)
        behind = target - machine.now
        if behind > 0:
            self._virtual_start -= behind
            ended = time.monotonic_ns()
            self._rests_until = ended + (ended - began)

    def settle(self) -> None:
        """Something may have moved what is due next; the lock is held."""
        due = self._machine.next_due()
        if due is not None and (self._awaited is None or due < self._awaited):
            self._due_changed.notify()

    def start(self) -> None:
        """Begin: a thread wakes whenever something falls due."""
        self._real_start = time.monotonic_ns()
        threading.Thread(target=self._run, name="pace", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        with self._machine.lock:
            self._stopped = True
            self._due_changed.notify()

    def _run(self) -> None:
        machine = self._machine
        with machine.lock:
            while not self._stopped:
                try:
                    self.catch_up()
                except Exception:
                    log.exception("a thread of the lab's kernel died at %d ns", machine.now)
                self._awaited = due = machine.next_due()
                pause = None
                if due is not None:
                    pause = max(_REST, (due - machine.now) / self._speed / _SECOND)
                self._due_changed.wait(pause)
