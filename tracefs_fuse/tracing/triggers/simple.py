"""The triggers traceon, traceoff, snapshot and stacktrace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.source import TaskLike
from tracefs_fuse.tracing.trace_marker import refuse_snapshot
from tracefs_fuse.tracing.triggers.trigger import Trigger

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.filter import Filter


class TraceOnOff(Trigger):
    """traceon and traceoff; one type, so an event has at most one of them."""

    def __init__(self, file: EventFile, name: str, filter: Filter | None, count: int) -> None:
        super().__init__(file, name, filter, count)
        self._on = name == "traceon"

    @property
    def conditional(self) -> bool:
        return self.filter is not None or not self._on

    def identity(self) -> tuple[object, ...]:
        return ("traceonoff",)

    def act(self, task: TaskLike) -> bool:
        array = self.file.array
        if array.tracing_on == self._on:
            return False
        array.tracing_on = self._on
        return True


class TraceOff(TraceOnOff):
    """traceoff waits until its own event was recorded."""

    post = True


class Snapshot(Trigger):
    """Swaps the instance's main and snapshot buffer."""

    def identity(self) -> tuple[object, ...]:
        return ("snapshot",)

    def registered(self) -> None:
        self.file.array.allocate_snapshot()

    def act(self, task: TaskLike) -> bool:
        array = self.file.array
        if not array.snapshot_allocated:
            refuse_snapshot(array, task)
        else:
            array.take_snapshot()
        return True


class Stacktrace(Trigger):
    """Records the kernel stack behind the event."""

    post = True

    def identity(self) -> tuple[object, ...]:
        return ("stacktrace",)

    def act(self, task: TaskLike) -> bool:
        self.file.array.record_stack(self.file.event, task)
        return True


SIMPLE_TRIGGERS: dict[str, type[Trigger]] = {
    "traceon": TraceOnOff,
    "traceoff": TraceOff,
    "snapshot": Snapshot,
    "stacktrace": Stacktrace,
}
