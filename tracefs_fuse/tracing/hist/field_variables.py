"""Field variables: fields that actions pass on, made into variables without a name of their own.

A field of another event needs a histogram there; it is made, and goes with the histogram that
needed it.  Modelled after create_field_var() and create_field_var_hist()
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.hist.errors import HistError
from tracefs_fuse.tracing.hist.expression import ExpressionParser
from tracefs_fuse.tracing.hist.field import F, HistField
from tracefs_fuse.tracing.hist.variables import find_event_file, find_event_var, find_var
from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.hist.histogram import Histogram

_MAX_FIELD_VARIABLES = 64


@dataclass(eq=False)
class FieldVariable:
    """A field, and the variable that holds its value (struct field_var)."""

    name: str
    value: HistField
    variable: HistField


def create_target_field_var(histogram: Histogram, name: str) -> FieldVariable:
    """create_field_var() on the event that the histogram is on; raises OSError."""
    log = histogram.log
    if len(histogram.field_variables) >= _MAX_FIELD_VARIABLES:
        raise log.refused(HistError.TOO_MANY_FIELD_VARS, name)
    try:
        value = ExpressionParser(histogram).parse_atom(name, F.NONE)
    except OSError:
        log.add(HistError.FIELD_VAR_PARSE_FAIL, name)
        raise
    if name.count(".") > 1:  # parsing has cut the name at its first dot
        name = name.partition(".")[0]
    if not histogram.remove and find_var(histogram, name) is not None:
        raise log.refused(HistError.VAR_CREATE_FIND_FAIL, name)
    flags = F.VARIABLE | value.flags & (F.STRING | F.STACKTRACE)
    variable = HistField(flags, value.type, value.size, variable=name, slot=histogram.new_slot())
    return FieldVariable(name, value, variable)


def create_field_var_hist(
    histogram: Histogram, system: str, event: str, name: str
) -> tuple[Histogram, HistField]:
    """A variable of another event's field, and the histogram it is in; raises OSError."""
    log = histogram.log
    if len(histogram.helpers) >= _MAX_FIELD_VARIABLES:
        raise log.refused(HistError.TOO_MANY_FIELD_VARS, name)
    file = find_event_file(histogram.file.array, system, event)
    if file is None:
        raise log.refused(HistError.EVENT_FILE_NOT_FOUND, name)
    compatible = _find_compatible_hist(histogram, file)
    if compatible is None:
        raise log.refused(HistError.HIST_NOT_FOUND, name)
    variable = f"synthetic_{name}"
    found = find_event_var(histogram, system, event, variable)
    if found is not None:
        return found
    command = _helper_command(*compatible, f"{variable}={name}")
    try:
        histogram.add_helper(file, command, log)
    except OSError:
        log.add(HistError.HIST_CREATE_FAIL, name)
        raise
    found = find_event_var(histogram, system, event, variable)
    if found is None:
        raise log.refused(HistError.SYNTH_VAR_NOT_FOUND, name)
    histogram.helpers.append((file, command))
    return found


def _find_compatible_hist(
    histogram: Histogram, file: EventFile
) -> tuple[Histogram, str | None] | None:
    """A histogram on an event that has the same kinds of keys, and its filter."""
    wanted = [(key.type, key.size, key.signed) for key in histogram.keys]
    for trigger in file.hists:
        keys = trigger.histogram.keys
        if [(key.type, key.size, key.signed) for key in keys] == wanted:
            return trigger.histogram, trigger.filter.text if trigger.filter is not None else None
    return None


def _helper_command(like: Histogram, condition: str | None, assignment: str) -> str:
    """The command of a histogram with the same keys and filter as another one."""
    keys = []
    for key in like.keys:
        if key.field is None:
            raise refuse(errno.EINVAL)
        modifier = key.described(like.version).removeprefix(key.field.name)
        keys.append(key.field.name + (modifier if like.version.hist_helper_keeps_modifiers else ""))
    command = f"keys={','.join(keys)}:{assignment}"
    return command if condition is None else f"{command} if {condition}"
