"""The base of all triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tracefs_fuse.tracing.compose import Namespace
from tracefs_fuse.tracing.filter import Filter
from tracefs_fuse.tracing.source import TaskLike

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile

UNLIMITED = -1


class Trigger:
    """One trigger of an event in an instance (struct event_trigger_data)."""

    post: ClassVar[bool] = False
    """Runs after the event was committed."""

    needs_record: ClassVar[bool] = False
    """Looks at the record even without a filter."""

    needs: frozenset[str] = frozenset({"task"})
    """Variables of composed code (see :mod:`..compose`) that the trigger uses."""

    def __init__(
        self, file: EventFile, name: str, filter: Filter | None, count: int = UNLIMITED
    ) -> None:
        self.file = file
        self.name = name
        self.filter = filter
        self.count = count
        """How often it may still act."""

    @property
    def conditional(self) -> bool:
        """Must wait for the record (EVENT_CMD_FL_NEEDS_REC or a filter)."""
        return self.filter is not None or self.post or self.needs_record

    @property
    def passive(self) -> bool:
        """It has no say in what becomes of the event's record."""
        return False

    def identity(self) -> tuple[object, ...]:
        """Two triggers of one event with the same identity can't exist together."""
        return (self,)

    def compose(self, namespace: Namespace) -> list[str]:
        """Source lines that run at each event that passes the filter."""
        return [f"{namespace.bind(self.fire, 'fire')}(task)"]

    def fire(self, task: TaskLike) -> None:
        """Act, and count it."""
        if self.count != 0 and self.act(task) and self.count > 0:
            self.count -= 1

    def act(self, task: TaskLike) -> bool:
        """Do what the trigger is for; says whether that counts."""
        raise NotImplementedError

    def registered(self) -> None:
        """Called before the trigger is put on the list; may refuse with OSError."""

    def unregistered(self) -> None:
        """Called after the trigger was taken off the list."""

    def described(self) -> str:
        """The trigger's line in the ``trigger`` file."""
        count = "unlimited" if self.count < 0 else f"count={self.count}"
        condition = f" if {self.filter.text}" if self.filter is not None else ""
        return f"{self.title()}:{count}{condition}"

    def title(self) -> str:
        return self.name


def add_trigger(trigger: Trigger) -> None:
    """Put a trigger in force: newest first, histograms behind all others."""
    file = trigger.file
    trigger.registered()
    if trigger.needs_record:
        file.triggers.append(trigger)
    else:
        file.triggers.insert(0, trigger)
    file.enable(soft=True)
    file.changed()


def remove_trigger(trigger: Trigger) -> None:
    """Take a trigger out of force."""
    file = trigger.file
    file.triggers.remove(trigger)
    file.disable(soft=True)
    trigger.unregistered()
    file.changed()
