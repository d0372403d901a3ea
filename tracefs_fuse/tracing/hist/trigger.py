"""Hist triggers of an event: adding, changing and removing them by commands.

Modelled after event_hist_trigger_parse(), hist_register_trigger() and hist_unregister_trigger()
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.compose import Namespace, indented
from tracefs_fuse.tracing.filter import Filter, create_trigger_filter
from tracefs_fuse.tracing.hist.actions import create_actions, destroy_actions, parse_action
from tracefs_fuse.tracing.hist.command import Command, parse_command
from tracefs_fuse.tracing.hist.errors import HistError, HistLog
from tracefs_fuse.tracing.hist.histogram import Histogram
from tracefs_fuse.tracing.hist.update import UpdateComposer
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.triggers.on_event import SwitchHist
from tracefs_fuse.tracing.triggers.trigger import Trigger, add_trigger, remove_trigger

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.tracing import Tracing

_MAX_NESTED = 4
"""Histograms at work on a CPU at the same time: each generates the event of the next."""


class HistTrigger(Trigger):
    """A histogram on an event of an instance; those of one name share a histogram."""

    needs_record = True

    def __init__(self, file: EventFile, histogram: Histogram, filter: Filter | None) -> None:
        super().__init__(file, "hist", filter)
        self.histogram = histogram
        self.paused = False

    @property
    def shared_name(self) -> str | None:
        """The name given with ``name=``."""
        return self.histogram.command.name

    @property
    def passive(self) -> bool:
        return not self.histogram.actions

    def described(self) -> str:
        condition = f" if {self.filter.text}" if self.filter is not None else ""
        state = "paused" if self.paused else "active"
        return f"{self.histogram.description}{condition} [{state}]"

    def compose(self, namespace: Namespace) -> list[str]:
        if self.paused and not self._switches_itself():
            self.needs = frozenset()
            return []
        composer = UpdateComposer(self.histogram, self.file, namespace)
        lines = composer.lines()
        self.needs = frozenset(composer.needs)
        tracing = self.file.array.tracing
        if (self.file.event.system, self.file.event.name) in tracing.synthetic:
            nested = f"len({namespace.bind(tracing.generators, 'generators')})"
            lines = [f"if {nested} < {_MAX_NESTED}:", *indented(lines)]
        if self._switches_itself():
            lines = [f"if not {namespace.bind(self, 'hist')}.paused:", *indented(lines)]
        return lines

    def _switches_itself(self) -> bool:
        """The event has a trigger that may pause the histogram while the event happens."""
        switches = (t for t in self.file.triggers if isinstance(t, SwitchHist))
        return any(switch.target is self.file for switch in switches)

    def unregistered(self) -> None:
        """event_hist_trigger_free(): the last user of a histogram frees it."""
        histogram = self.histogram
        array = self.file.array
        if histogram.uses_timestamps:
            array.set_filter_buffering(True)
        tracing = array.tracing
        if any(other.histogram is histogram for other in _all_triggers(tracing)):
            return
        destroy_actions(histogram)
        _remove_helpers(histogram)


def write_hist_trigger(file: EventFile, parameters: str, remove: bool) -> None:
    """A command written to ``trigger``; raises OSError with the kernel's errno.

    parameters: the text behind ``hist:``.
    """
    _run_command(file, parameters, HistLog(file, parameters), remove=remove)


def truncate_hist_triggers(file: EventFile) -> None:
    """hist_unreg_all(): all histograms go, unless a variable of one is in use elsewhere."""
    if any(trigger.histogram.is_referenced() for trigger in file.hists):
        return
    for trigger in file.hists:
        _remove(trigger)


def _add_helper(file: EventFile, parameters: str, log: HistLog) -> None:
    """A histogram that another one needs; errors are logged as that one's."""
    _run_command(file, parameters, log, remove=False)


def _run_command(file: EventFile, parameters: str, log: HistLog, *, remove: bool) -> None:
    """event_hist_trigger_parse()."""
    array = file.array
    command = parse_command(parameters, log, array.tracing.version)
    actions = [parse_action(text, array, log) for text in command.actions]
    histogram = Histogram(file, command, log, actions, _add_helper, remove=remove)
    trigger = HistTrigger(file, histogram, create_trigger_filter(file, command.condition))
    named = _find_named(array.tracing, command.name)
    same = [other for other in file.hists if _matches(trigger, other, named)]
    if remove:
        if same:
            if same[0].histogram.is_referenced():
                raise refuse(errno.EBUSY)
            _remove(same[0])
        return
    if same and command.only_changes:
        _change(same[0], command)
        return
    try:
        create_actions(histogram)
        histogram.finish()
        _register(trigger, named, exists=bool(same))
    except OSError:
        destroy_actions(histogram)
        if not histogram.version.hist_failed_helper_stays:
            _remove_helpers(histogram)
        raise


def _remove_helpers(histogram: Histogram) -> None:
    """unregister_field_var_hists(): one that another histogram came to use stays."""
    for file, command in histogram.helpers:
        with suppress(OSError):
            write_hist_trigger(file, command, remove=True)


# -- identity ------------------------------------------------------------------------------


def _all_triggers(tracing: Tracing) -> list[HistTrigger]:
    return [
        trigger
        for array in tracing.arrays()
        for file in array.all_files()
        for trigger in file.hists
    ]


def _find_named(tracing: Tracing, name: str | None) -> HistTrigger | None:
    """find_named_trigger(): the names are those of all events and instances."""
    if name is None:
        return None
    named = (trigger for trigger in _all_triggers(tracing) if trigger.shared_name == name)
    return next(named, None)


def _matches(trigger: HistTrigger, other: HistTrigger, named: HistTrigger | None) -> bool:
    """hist_trigger_match(): equal commands, apart from what is no part of the identity."""
    shared = named.shared_name if named is not None else None
    if other.shared_name != shared:
        return False
    texts = [t.filter.text if t.filter is not None else None for t in (trigger, other)]
    return texts[0] == texts[1] and trigger.histogram.matches(other.histogram)


# -- registration --------------------------------------------------------------------------


def _change(trigger: HistTrigger, command: Command) -> None:
    """existing_hist_update_only(): pause wins over going on, and that over clearing."""
    if command.pause or command.resume:
        trigger.paused = command.pause
    else:
        trigger.histogram.clear()
    trigger.file.changed()


def _register(trigger: HistTrigger, named: HistTrigger | None, *, exists: bool) -> None:
    """hist_register_trigger()."""
    histogram, file = trigger.histogram, trigger.file
    command, log = histogram.command, histogram.log
    if named is not None and not histogram.matches(named.histogram):
        raise log.refused(HistError.NAMED_MISMATCH, f"name={command.name}")
    if exists:
        raise log.refused(HistError.TRIGGER_EEXIST, code=errno.EEXIST)
    if command.resume or command.clear:
        raise log.refused(HistError.TRIGGER_ENOENT_CLEAR, code=errno.ENOENT)
    trigger.paused = command.pause
    if histogram.uses_timestamps:
        try:
            file.array.set_clock(command.clock)
        except OSError:
            log.add(HistError.SET_CLOCK_FAIL, command.clock)
            raise
        file.array.set_filter_buffering(False)
    if named is not None:
        destroy_actions(histogram)
        trigger.histogram = named.histogram
    _count_use(file, 1)
    add_trigger(trigger)


def _remove(trigger: HistTrigger) -> None:
    """Only who removes a histogram gives its event back: rmdir of an instance never does."""
    remove_trigger(trigger)
    _count_use(trigger.file, -1)


def _count_use(file: EventFile, change: int) -> None:
    """A synthetic event with a histogram on it can't be deleted."""
    synthetic = file.array.tracing.synthetic.find(file.event.name)
    if synthetic is not None and synthetic is file.event:
        synthetic.references += change
