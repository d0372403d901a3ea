"""Virtual time in step with real time, on a machine that only keeps appointments."""

from __future__ import annotations

import threading
import time

import pytest

from tracefs_fuse.cli.pace import Pace

SECOND = 1_000_000_000
PATIENCE = 20.0
REST = 0.02


class Appointments:
    """Notes when it did what was due, in virtual time; says so by an event."""

    def __init__(self, *due: int) -> None:
        self.lock = threading.RLock()
        self.now = 0
        self.due = sorted(due)
        self.kept: list[int] = []
        self.all_kept = threading.Event()

    def next_due(self) -> int | None:
        return self.due[0] if self.due else None

    def run_until(self, moment: int, *, budget: float) -> None:
        while self.due and self.due[0] <= moment:
            self.now = max(self.now, self.due[0])
            self.kept.append(self.due.pop(0))
        self.now = max(self.now, moment)
        if not self.due:
            self.all_kept.set()


class Slow(Appointments):
    """Never gets further than a virtual second in one budget."""

    takes = 0.0
    """Seconds of real time for that."""

    def run_until(self, moment: int, *, budget: float) -> None:
        time.sleep(self.takes)
        super().run_until(min(moment, self.now + SECOND), budget=budget)


def test_what_falls_due_is_done_without_anybody_asking() -> None:
    machine = Appointments(1 * SECOND, 2 * SECOND, 40 * SECOND)
    pace = Pace(machine, speed=100)
    pace.start()
    assert machine.all_kept.wait(PATIENCE)
    pace.stop()
    assert machine.kept == [1 * SECOND, 2 * SECOND, 40 * SECOND]


def test_a_request_may_make_something_due_earlier() -> None:
    machine = Appointments(10**6 * SECOND)
    pace = Pace(machine, speed=1)
    pace.start()
    with machine.lock:
        pace.catch_up()
        machine.due = [machine.now + SECOND // 100]
        pace.settle()
    assert machine.all_kept.wait(PATIENCE)
    pace.stop()


def test_an_idle_machine_can_be_given_work() -> None:
    machine = Appointments()
    pace = Pace(machine, speed=1)
    pace.start()
    assert machine.all_kept.wait(PATIENCE)
    with machine.lock:
        machine.all_kept.clear()
        pace.catch_up()
        machine.due = [machine.now + SECOND // 100]
        pace.settle()
    assert machine.all_kept.wait(PATIENCE)
    pace.stop()


def test_debt_is_not_piled_up() -> None:
    """A machine that is too slow falls behind; it does not race once it could."""
    machine = Slow(10**9 * SECOND)
    pace = Pace(machine, speed=10**6)
    with machine.lock:
        for _ in range(3):
            pace.catch_up()
            time.sleep(REST)
        assert machine.now == 3 * SECOND
    eager = Appointments(10**9 * SECOND)
    pace = Pace(eager, speed=10**6)
    with eager.lock:
        pace.catch_up()
        assert eager.now > 0


def test_requests_come_between_what_takes_too_long() -> None:
    """A machine that has too much to do works for no longer than it rests."""
    machine = Slow(10**9 * SECOND)
    machine.takes = REST
    pace = Pace(machine, speed=10**6)
    with machine.lock:
        pace.catch_up()
        for _ in range(10):
            pace.catch_up()
        assert machine.now == SECOND
        time.sleep(2 * REST)
        pace.catch_up()
        assert machine.now == 2 * SECOND


class Stumbling(Appointments):
    """Fails at its first appointment."""

    def run_until(self, moment: int, *, budget: float) -> None:
        if self.due and self.due[0] <= moment and not self.kept:
            self.kept.append(self.due.pop(0))
            raise ZeroDivisionError
        super().run_until(moment, budget=budget)


def test_a_thread_that_dies_is_told_and_time_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    machine = Stumbling(1 * SECOND, 40 * SECOND)
    pace = Pace(machine, speed=100)
    pace.start()
    assert machine.all_kept.wait(PATIENCE)
    pace.stop()
    assert machine.kept == [1 * SECOND, 40 * SECOND]
    assert "ZeroDivisionError" in caplog.text
