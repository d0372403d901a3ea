"""Actions: what a histogram does when events match, or when a variable grows or changes.

``HANDLER(..).ACTION(..)`` is taken apart by :func:`parse_action` before anything is looked up;
:func:`create_actions` then finds what it names.  Modelled after action_parse(), action_create()
and their neighbours (kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from enum import Enum
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.field import Field, Kind
from tracefs_fuse.tracing.hist.errors import HistError, HistLog
from tracefs_fuse.tracing.hist.field import HistField
from tracefs_fuse.tracing.hist.field_variables import (
    FieldVariable,
    create_field_var_hist,
    create_target_field_var,
)
from tracefs_fuse.tracing.hist.table import Entry, Key
from tracefs_fuse.tracing.hist.variables import create_var_ref, find_event_file, find_event_var
from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.hist.histogram import Histogram
    from tracefs_fuse.tracing.synthetic import SyntheticEvent
    from tracefs_fuse.tracing.trace_array import TraceArray

_MAX_PARAMS = 64
_MIN_PARAM = 2
"""Characters; shorter names can't be passed."""


class Handler(Enum):
    """When an action runs."""

    ONMATCH = "onmatch"
    ONMAX = "onmax"
    ONCHANGE = "onchange"


class ActionKind(Enum):
    """What an action does."""

    SAVE = "save"
    SNAPSHOT = "snapshot"
    TRACE = "trace"
    """Generates a synthetic event."""


@dataclass(eq=False)
class SnapshotDetails:
    """What made a snapshot() action take its latest snapshot (struct track_data)."""

    value: int = 0
    key: Key = None
    entry: Entry | None = None
    """As it was then; None before the first snapshot."""


@dataclass(eq=False)
class Action:
    """One action of a histogram (struct action_data)."""

    handler: Handler
    argument: str
    """What the handler's parentheses hold: ``system.event``, or ``$variable``."""

    kind: ActionKind = ActionKind.TRACE
    name: str = ""
    """As it was written: what begins with ``save`` is a save()."""

    params: list[str] = attribute(default_factory=list)
    with_keyword: bool = False
    """Written ``trace(EVENT, ..)``, not ``EVENT(..)``; the event is the first of params."""

    matched: EventFile | None = None
    """The event of onmatch()."""

    synthetic: SyntheticEvent | None = None
    arguments: list[HistField] = attribute(default_factory=list)
    """References to what the synthetic event gets."""

    tracked: HistField | None = None
    """The reference to the variable of onmax() and onchange()."""

    tracked_slot: int = 0
    """Where an entry has the value that was last stored."""

    snapshot: SnapshotDetails | None = None

    def take_snapshot(self, array: TraceArray, key: Key, entry: Entry, value: int) -> None:
        """cond_snapshot_update(): unless the latest snapshot was for as good a value."""
        details = self.snapshot
        if details is None:
            return
        if value > details.value if self.handler is Handler.ONMAX else value != details.value:
            details.value, details.key, details.entry = value, key, entry.copy()
            array.take_snapshot()

    def identity(self) -> tuple[object, ...]:
        """actions_match()."""
        return self.handler, self.argument, self.kind, self.name, tuple(self.params)

    def described(self, saved: Sequence[FieldVariable]) -> str:
        """The action in the read-back of its trigger."""
        params = self.params
        if self.kind is ActionKind.SAVE:
            params = [variable.name for variable in saved]
        elif self.kind is ActionKind.SNAPSHOT:
            params = []
        return f"{self.handler.value}({self.argument}).{self.name}({','.join(params)})"


# -- syntax --------------------------------------------------------------------------------


def parse_action(text: str, array: TraceArray, log: HistLog) -> Action:
    """The action that an item of a command stands for; raises OSError.

    text: begins with the name of a handler and its opening parenthesis.
    """
    handler, _, rest = text.partition("(")
    argument, paren, rest = rest.partition(")")
    action = Action(Handler(handler), argument)
    if action.handler is Handler.ONMATCH:
        if not paren:
            raise log.refused(HistError.NO_CLOSING_PAREN, argument)
        system, dot, event = argument.partition(".")
        if not dot:
            raise log.refused(HistError.SUBSYS_NOT_FOUND, system)
        action.matched = find_event_file(array, system, event)
        if action.matched is None:
            raise log.refused(HistError.INVALID_SUBSYS_EVENT, event)
    elif not paren:
        raise refuse(errno.EINVAL)
    _parse_call(action, rest, log)
    return action


def _parse_call(action: Action, text: str, log: HistLog) -> None:
    """action_parse(): ``.NAME(PARAM, ..)``; what is in front of the dot does not matter."""
    name, paren, rest = text.partition(".")[2].partition("(")
    if not paren:
        raise log.refused(HistError.ACTION_NOT_FOUND)
    params, closing, _ = rest.partition(")")
    action.name = name
    if name.startswith(ActionKind.SAVE.value):
        action.kind = ActionKind.SAVE
        _parse_params(action, params, log)
    elif name.startswith(ActionKind.SNAPSHOT.value):
        action.kind = ActionKind.SNAPSHOT
        if not closing:
            raise log.refused(HistError.NO_CLOSING_PAREN, params)
    else:
        action.with_keyword = name.startswith(ActionKind.TRACE.value)
        _parse_params(action, params, log)
    if action.kind is not ActionKind.TRACE and action.handler is Handler.ONMATCH:
        raise log.refused(HistError.ACTION_MISMATCH, name)


def _parse_params(action: Action, text: str, log: HistLog) -> None:
    """parse_action_params()."""
    for word in text.split(","):
        if len(action.params) - action.with_keyword >= _MAX_PARAMS:
            raise log.refused(HistError.TOO_MANY_PARAMS)
        param = word.strip(BLANKS)
        if len(param) < _MIN_PARAM:
            raise log.refused(HistError.INVALID_PARAM, param)
        action.params.append(param)


# -- meaning -------------------------------------------------------------------------------


def create_actions(histogram: Histogram) -> None:
    """Find what the actions of a histogram name; raises OSError."""
    for action in histogram.actions:
        if action.handler is not Handler.ONMATCH:
            _track(histogram, action)
        if action.kind is ActionKind.SAVE:
            _create_save(histogram, action)
        elif action.kind is ActionKind.SNAPSHOT:
            _create_snapshot(histogram, action)
        else:
            _create_trace(histogram, action)


def destroy_actions(histogram: Histogram) -> None:
    """Let go what actions hold."""
    for action in histogram.actions:
        if action.synthetic is not None:
            action.synthetic.references -= 1
            action.synthetic = None
        if action.snapshot is not None:
            histogram.file.array.snapshot_users -= 1
            action.snapshot = None


def _track(histogram: Histogram, action: Action) -> None:
    """track_data_create(): the variable that onmax() or onchange() looks at."""
    log = histogram.log
    if not action.argument.startswith("$"):
        raise log.refused(HistError.ONX_NOT_VAR, action.argument)
    name = action.argument[1:]
    variable = histogram.find_variable(name)
    if variable is None:
        raise log.refused(HistError.ONX_VAR_NOT_FOUND, name)
    action.tracked = _reference(histogram, histogram, variable)
    action.tracked_slot = histogram.new_slot(0)


def _reference(
    histogram: Histogram, owner: Histogram, variable: HistField, system: str = "", event: str = ""
) -> HistField:
    reference = create_var_ref(histogram, owner, variable, system, event)
    if reference is None:
        raise refuse(errno.ENOMEM)
    return reference


def _create_save(histogram: Histogram, action: Action) -> None:
    if histogram.saved:
        raise histogram.log.refused(HistError.TOO_MANY_SAVE_ACTIONS, code=errno.EEXIST)
    param = ""
    try:
        for param in action.params:
            histogram.saved.append(create_target_field_var(histogram, param))
    except OSError:
        histogram.log.add(HistError.FIELD_VAR_CREATE_FAIL, param)
        raise


def _create_snapshot(histogram: Histogram, action: Action) -> None:
    """tracing_snapshot_cond_enable(): one user an instance."""
    array = histogram.file.array
    if array.snapshot_users:
        raise refuse(errno.EBUSY)
    array.allocate_snapshot()
    array.snapshot_users += 1
    action.snapshot = SnapshotDetails()


def _create_trace(histogram: Histogram, action: Action) -> None:
    """trace_action_create()."""
    log = histogram.log
    name = action.params[0] if action.with_keyword else action.name
    synthetic = histogram.file.array.tracing.synthetic.find(name)
    if synthetic is None:
        raise log.refused(HistError.SYNTH_EVENT_NOT_FOUND, name)
    params = action.params[1:] if action.with_keyword else action.params
    for param in params:
        reference, last = _argument(histogram, action, param)
        position = len(action.arguments)
        if position >= len(synthetic.fields) or not _fits(synthetic.fields[position], reference):
            raise log.refused(HistError.SYNTH_TYPE_MISMATCH, last)
        action.arguments.append(reference)
    if len(action.arguments) != len(synthetic.fields):
        raise log.refused(HistError.SYNTH_COUNT_MISMATCH, name)
    synthetic.references += 1
    action.synthetic = synthetic


def _argument(histogram: Histogram, action: Action, param: str) -> tuple[HistField, str]:
    """A reference to what a parameter names, and the parameter without system and event."""
    system, event, name = "", "", param
    if "." in param:
        parts = param.split(".", 2)
        if len(parts) < 3:
            raise refuse(errno.EINVAL)
        system, event, name = parts
    if name.startswith("$"):
        owner, variable = _find_variable(histogram, action, system, event, name[1:])
    else:
        owner, variable = _field_variable(histogram, action, system, event, name)
    return _reference(histogram, owner, variable, system, event), name


def _find_variable(
    histogram: Histogram, action: Action, system: str, event: str, name: str
) -> tuple[Histogram, HistField]:
    """onmatch_find_var(): own variables first, then those of the matched or named event."""
    own = histogram.file.event
    if not system or (system, event) == (own.system, own.name):
        variable = histogram.find_variable(name)
        if variable is not None:
            return histogram, variable
    if not system and action.matched is not None:
        system, event = action.matched.event.system, action.matched.event.name
    found = find_event_var(histogram, system, event, name)
    if found is None:
        raise histogram.log.refused(HistError.PARAM_NOT_FOUND, name)
    return found


def _field_variable(
    histogram: Histogram, action: Action, system: str, event: str, name: str
) -> tuple[Histogram, HistField]:
    """onmatch_create_field_var(): this event's field, else one of the matched or named event."""
    own = histogram.file.event
    if not system or (system, event) == (own.system, own.name):
        try:
            created = create_target_field_var(histogram, name)
        except OSError:
            pass
        else:
            histogram.field_variables.append(created)
            return histogram, created.variable
    if not system and action.matched is not None:
        system, event = action.matched.event.system, action.matched.event.name
    if not system:
        raise refuse(errno.EINVAL)
    return create_field_var_hist(histogram, system, event, name)


def _fits(field: Field, value: HistField) -> bool:
    """check_synth_field(): a synthetic event's field can hold a value."""
    if field.kind is Kind.DYNAMIC_STRING and "char[" in value.type:
        return True
    if field.kind is Kind.STACK and "long[" in value.type:
        return True
    if field.type == value.type:
        return True
    is_string = field.kind in (Kind.STATIC_STRING, Kind.DYNAMIC_STRING)
    return field.size == value.size and (is_string or field.signed == value.signed)
