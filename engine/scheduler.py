"""Virtual time: threads that run until they sleep, and what is due when.

A thread is a generator that yields a :class:`Sleep`; all of a machine's threads share one clock.
Equal times are taken in the order in which they were asked for, so a run repeats exactly.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol


class TaskLike(Protocol):
    """Who a thread is."""

    pid: int
    tgid: int
    comm: str
    cpu: int
    sum_exec_runtime: int
    nvcsw: int


class Sleep:
    """A rest of so many virtual nanoseconds; without a time it lasts until it is ended."""

    def __init__(self, until: int | None) -> None:
        self.until = until
        self._wake: Callable[[], None] | None = None

    def begin(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def end(self) -> None:
        """Wake the thread now."""
        if self._wake is not None:
            self._wake()
            self._wake = None


Thread = Generator[Sleep, None, None]


@dataclass
class _Running:
    task: TaskLike
    thread: Thread
    turn: int = 0
    """Counts its sleeps: what was planned for an earlier one is void."""


class Scheduler:
    """The clock and the threads of a machine."""

    def __init__(self, start: int, idle: TaskLike) -> None:
        self.now = start
        self.current = idle
        self._idle = idle
        self.busy: dict[int, int] = {}
        """Virtual nanoseconds that each CPU was not idle."""

        self.switches = 0
        """Times that a thread went to sleep, by which another came to run."""

        self._due: list[tuple[int, int, int, _Running]] = []
        self._numbers = itertools.count()

    def start(self, task: TaskLike, thread: Thread) -> None:
        """Begin a thread; it runs at once when time goes on."""
        self._plan(_Running(task, thread), self.now)

    def _plan(self, running: _Running, moment: int) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), running.turn, running))

    def spend(self, nanoseconds: int) -> None:
        """The current thread works for that long."""
        self.now += nanoseconds
        task = self.current
        if task is not self._idle:
            task.sum_exec_runtime += nanoseconds
            self.busy[task.cpu] = self.busy.get(task.cpu, 0) + nanoseconds

    def next_due(self) -> int | None:
        """When the next thread wakes."""
        while self._due and self._due[0][2] != self._due[0][3].turn:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def step(self) -> None:
        """Run the thread that is due next until it sleeps."""
        if self.next_due() is None:
            return
        moment, _, _, running = heapq.heappop(self._due)
        self.now = max(self.now, moment)
        before, self.current = self.current, running.task
        running.turn += 1
        try:
            sleep = next(running.thread, None)
        finally:
            self.current = before
        if sleep is None:
            return
        if sleep.until != 0:
            running.task.nvcsw += 1
            self.switches += 1
        turn = running.turn
        sleep.begin(lambda: self._wake(running, turn))
        if sleep.until is not None:
            self._plan(running, self.now + sleep.until)

    def _wake(self, running: _Running, turn: int) -> None:
        if running.turn == turn:
            self._plan(running, self.now)
