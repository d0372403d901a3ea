"""The ``trigger`` file of an event: reading, writing commands, opening with truncation.

Modelled after event_trigger_write() and event_trigger_parse()
(kernel/trace/trace_events_trigger.c).
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.filter import Filter, create_trigger_filter
from tracefs_fuse.tracing.hist import truncate_hist_triggers, write_hist_trigger
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.triggers.on_event import ON_EVENT_TRIGGERS, SwitchHist
from tracefs_fuse.tracing.triggers.simple import SIMPLE_TRIGGERS
from tracefs_fuse.tracing.triggers.trigger import (
    UNLIMITED,
    Trigger,
    add_trigger,
    remove_trigger,
)

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile

MAX_COMMAND = 4096
_NAMES = (*SIMPLE_TRIGGERS, *ON_EVENT_TRIGGERS, "hist")
_HELP = "# Available triggers:\n#" + "".join(f" {name}" for name in _NAMES) + "\n"
_COMMAND = re.compile(f"(!?)([^: \t]*)[: \t]?[{BLANKS}]*(.*)", re.S)
_GAP = re.compile("[ \t]+")


def read_triggers(file: EventFile) -> list[str]:
    """The records of the ``trigger`` file."""
    return [f"{trigger.described()}\n" for trigger in file.triggers] or [_HELP]


def truncate_triggers(file: EventFile) -> None:
    """An open with O_TRUNC: histograms and what switches them go, other triggers stay."""
    truncate_hist_triggers(file)
    for trigger in [t for t in file.triggers if isinstance(t, SwitchHist)]:
        remove_trigger(trigger)


def write_trigger(file: EventFile, data: str) -> None:
    """One command; raises OSError with the kernel's errno."""
    if not data:
        return
    if len(data) >= MAX_COMMAND:
        raise refuse(errno.EINVAL)
    match = _COMMAND.fullmatch(data.strip(BLANKS))
    if match is None:
        raise refuse(errno.EINVAL)
    remove, name, parameters = bool(match[1]), match[2], match[3]
    if name == "hist":
        write_hist_trigger(file, parameters, remove)
    elif name in SIMPLE_TRIGGERS:
        _write(file, name, None, parameters, remove)
    elif name in ON_EVENT_TRIGGERS:
        target, rest = _target(file, parameters, remove)
        _write(file, name, target, rest, remove)
    else:
        raise refuse(errno.EINVAL)


def _target(file: EventFile, parameters: str, remove: bool) -> tuple[EventFile, str]:
    """The event that a command names, and what follows it."""
    words = _GAP.split(parameters, maxsplit=1)
    parts = words[0].split(":", 2) if words else []
    target = file.array.files.get((parts[0], parts[1])) if len(parts) > 1 else None
    no_count = len(parts) > 2 and not parts[2]
    if target is None or (no_count and not remove):
        raise refuse(errno.EINVAL)
    return target, " ".join([*parts[2:], *words[1:]])


def _write(file: EventFile, name: str, target: EventFile | None, rest: str, remove: bool) -> None:
    if remove:
        wanted = _made(file, name, target, None, UNLIMITED).identity()
        for trigger in file.triggers:
            if trigger.identity() == wanted:
                remove_trigger(trigger)
                return
        return
    count, condition = _count_and_condition(rest)
    filter = create_trigger_filter(file, condition)
    trigger = _made(file, name, target, filter, count)
    if any(other.identity() == trigger.identity() for other in file.triggers):
        raise refuse(errno.EEXIST)
    add_trigger(trigger)


def _made(
    file: EventFile, name: str, target: EventFile | None, filter: Filter | None, count: int
) -> Trigger:
    if target is not None:
        return ON_EVENT_TRIGGERS[name](file, name, target, filter, count)
    return SIMPLE_TRIGGERS[name](file, name, filter, count)


def _count_and_condition(rest: str) -> tuple[int, str | None]:
    """``[count] [if filter]``: the count, and the filter's text if there is one."""
    count = UNLIMITED
    if rest[:1].isdecimal():
        word, _, rest = rest.partition(" ")
        count = parse_unsigned(word.partition(":")[0], base0=True)
        rest = rest.strip(BLANKS)
    if not rest:
        return count, None
    word, _, condition = rest.partition(" ")
    if word != "if" or not condition.strip(BLANKS):
        raise refuse(errno.EINVAL)
    return count, condition.strip(BLANKS)
