"""One event in one instance: enabled or not, filter, triggers.

Modelled after struct trace_event_file and __ftrace_event_enable_disable()
(kernel/trace/trace_events.c).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.filter import Filter
from tracefs_fuse.tracing.hist import HistTrigger
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.origin import Origin
from tracefs_fuse.tracing.probe import record_function
from tracefs_fuse.tracing.source import TaskLike
from tracefs_fuse.tracing.triggers.trigger import Trigger

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray


class EventFile:
    """The state behind ``events/SYSTEM/EVENT/`` of an instance."""

    def __init__(self, event: TraceEvent, array: TraceArray) -> None:
        self.event = event
        self.array = array
        self.registered = False
        """The event's function runs for this instance (flag ENABLED)."""

        self.soft_disabled = False
        """It runs, but records nothing (flag SOFT_DISABLED)."""

        self.soft_mode = False
        self.soft_references = 0
        self.was_enabled = False
        """The event was on at some time, so records of it may be in the buffer."""

        self.removed = False
        """The event or the instance is gone."""

        self.filter: Filter | None = None
        self.filter_text: str | None = None
        """What the ``filter`` file shows: a filter or what was wrong with one; None for none."""

        self.triggers: list[Trigger] = []
        self._functions: dict[Origin, Callable[..., Any]] = {}

    def alive(self) -> EventFile:
        """Itself; ENODEV when it went while somebody had a file of it open."""
        if self.removed:
            raise refuse(errno.ENODEV)
        return self

    # -- enabling --------------------------------------------------------------------------

    def enable(self, *, soft: bool = False) -> None:
        """Turn the event on; softly: run its triggers, or wait for an enable_event."""
        if soft:
            self.soft_references += 1
            if self.soft_references > 1:
                return
            self.soft_mode = True
        else:
            self.soft_disabled = False
        if not self.registered:
            self.soft_disabled = soft
            self.registered = self.was_enabled = True
        self.changed()

    def disable(self, *, soft: bool = False) -> None:
        """Turn the event off, or take back one soft reference."""
        if soft:
            self.soft_references -= 1
            if self.soft_references > 0:
                return
            leave = self.soft_disabled
            self.soft_mode = False
        else:
            leave = not self.soft_mode
        if leave:
            self.registered = False
        self.soft_disabled = self.soft_mode
        self.changed()

    def enable_text(self) -> str:
        """The ``enable`` file."""
        on = self.registered and not self.soft_disabled
        return f"{int(on)}{'*' if self.soft_mode else ''}\n"

    def remove(self) -> None:
        """The instance goes: everything of the event goes off."""
        for trigger in list(self.triggers):
            self.triggers.remove(trigger)
            trigger.unregistered()
        self.registered = False
        self.removed = True
        self.changed()

    # -- firing ----------------------------------------------------------------------------

    @property
    def conditional(self) -> bool:
        """A trigger needs the record, so all triggers run when it is there."""
        return any(trigger.conditional for trigger in self.triggers)

    def buffered(self) -> bool:
        """Its record waits outside of the ring until triggers and filter have seen it.

        Modelled after trace_event_buffer_lock_reserve(): so what will be dropped leaves no gap.
        """
        dropped = self.soft_disabled or self.filter is not None
        return dropped and self.array.filter_buffering

    def changed(self) -> None:
        """Compose the event's path anew: something on it changed."""
        self._functions.clear()
        self.array.tracing.event_changed(self.event)

    def fire(self, task: TaskLike, record: bytes) -> None:
        """The event happens with a finished record."""
        self._function(Origin.EVENT)(task, record)

    def inject(self, task: TaskLike, record: bytes) -> None:
        """A record is put in from outside: only triggers that look at the record run."""
        with self.array.tracing.coming_from(Origin.INJECTED):
            self._function(Origin.INJECTED)(task, record)

    def mark(self, task: TaskLike, record: bytes, finished: bytes) -> bool:
        """A marker is written: triggers see one record, the other one is committed.

        Returns False when it can't be recorded.
        """
        with self.array.tracing.coming_from(Origin.MARKER):
            return bool(self._function(Origin.MARKER)(task, record, finished))

    def _function(self, origin: Origin) -> Callable[..., Any]:
        function = self._functions.get(origin)
        if function is None:
            function = self._functions[origin] = record_function(self, origin)
        return function

    # -- histograms ------------------------------------------------------------------------

    @property
    def hists(self) -> list[HistTrigger]:
        return [trigger for trigger in self.triggers if isinstance(trigger, HistTrigger)]

    def pause_hists(self, paused: bool) -> None:
        """Pause all histograms, or let them go on."""
        affected = [hist for hist in self.hists if hist.paused != paused]
        for hist in affected:
            hist.paused = paused
        if affected:
            self.changed()
