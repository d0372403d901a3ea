"""Where events come from, as the core sees it: a clock and the task that runs.

Modelled after ``current`` and the trace clock's raw reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class TaskLike(Protocol):
    """The task in whose context an event happens."""

    @property
    def pid(self) -> int: ...

    @property
    def tgid(self) -> int: ...

    @property
    def comm(self) -> str: ...

    @property
    def cpu(self) -> int: ...


class SourceLike(Protocol):
    """What drives the core: virtual time and the running task, both read at each event."""

    @property
    def now(self) -> int:
        """Virtual nanoseconds since boot."""

    @property
    def current(self) -> TaskLike: ...


def comm_of_task(task: TaskLike) -> bytes:
    """A task's name as its kernel holds it: 15 bytes at most."""
    return task.comm.encode("utf-8", "surrogateescape")[:15]


@dataclass(frozen=True)
class Task:
    """A task that is known by its values: who injects an event, say."""

    pid: int
    tgid: int
    comm: str
    cpu: int = 0


@dataclass
class ManualSource:
    """A source whose time and task are set by hand, for a core that is used on its own."""

    now: int = 0
    current: TaskLike = field(default_factory=lambda: Task(1, 1, "init"))
