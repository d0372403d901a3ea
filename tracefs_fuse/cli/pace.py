"""Virtual time in step with real time.

The engine never sleeps: it does what is due up to a moment.  Before each request, and when
something falls due, it is run up to the moment that real time has reached, times the speed.  When
that takes too long the lab's clock falls behind for good instead of piling up work.
"""

from __future__ import annotations

import threading
import time

from engine import Machine

_BUDGET = 0.05
"""Seconds of real time that one catching up may take."""

_LONGEST_SLEEP = 0.25
"""Seconds after which due times are looked at anew: a knob may have moved them."""

_SECOND = 1_000_000_000


class Pace:
    """Runs a machine at so many virtual seconds a real second."""

    def __init__(self, machine: Machine, speed: float) -> None:
        self._machine = machine
        self._speed = speed
        self._real_start = time.monotonic_ns()
        self._virtual_start = machine.now
        self._ended = threading.Event()

    def catch_up(self) -> None:
        """Let the machine do what is due by now; the lock is held."""
        machine = self._machine
        elapsed = time.monotonic_ns() - self._real_start
        target = self._virtual_start + int(elapsed * self._speed)
        machine.run_until(target, budget=_BUDGET)
        self._virtual_start -= max(0, target - machine.now)

    def start(self) -> None:
        """Begin: a thread wakes whenever something falls due."""
        self._real_start = time.monotonic_ns()
        threading.Thread(target=self._run, name="pace", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            with self._machine.lock:
                self.catch_up()
                due = self._machine.next_due()
                now = self._machine.now
            pause = _LONGEST_SLEEP
            if due is not None:
                pause = min(pause, max(0.0, (due - now) / self._speed / _SECOND))
