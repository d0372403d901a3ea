"""Triggers that act on an event: enable_event, disable_event, enable_hist and disable_hist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.source import TaskLike
from tracefs_fuse.tracing.triggers.trigger import Trigger

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.filter import Filter


class OnEvent(Trigger):
    """A trigger with a target event of the same instance, which it holds in soft mode."""

    def __init__(
        self, file: EventFile, name: str, target: EventFile, filter: Filter | None, count: int
    ) -> None:
        super().__init__(file, name, filter, count)
        self.target = target
        self._enable = name.startswith("enable")

    def identity(self) -> tuple[object, ...]:
        """The pair of enabling and disabling is one type."""
        return (type(self), self.target)

    def registered(self) -> None:
        self.target.enable(soft=True)

    def unregistered(self) -> None:
        self.target.disable(soft=True)

    def title(self) -> str:
        return f"{self.name}:{self.target.event.system}:{self.target.event.name}"


class SwitchEvent(OnEvent):
    """enable_event and disable_event."""

    def act(self, task: TaskLike) -> bool:
        if self.target.soft_disabled != self._enable:
            return False
        self.target.soft_disabled = not self._enable
        return True


class SwitchHist(OnEvent):
    """enable_hist and disable_hist: all histograms of the target go on or pause."""

    def act(self, task: TaskLike) -> bool:
        self.target.pause_hists(not self._enable)
        return True


ON_EVENT_TRIGGERS: dict[str, type[OnEvent]] = {
    "enable_event": SwitchEvent,
    "disable_event": SwitchEvent,
    "enable_hist": SwitchHist,
    "disable_hist": SwitchHist,
}
