"""The ``set_event`` file: events enabled by name or pattern.

Modelled after ftrace_event_write() and __ftrace_set_clr_event_nolock()
(kernel/trace/trace_events.c).
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_MAX_TOKEN = 127
_TOKEN = re.compile(r"\s*(\S*)\s?")
_ANY = ("", "*")


def set_event_text(array: TraceArray) -> str:
    """The events that are on, one a line.

    ftrace:print, which triggers turn on, heads the events that the kernel was built with.
    """
    files = list(array.files.items())
    built_in = next(n for n, (key, _) in enumerate(files) if key not in array.tracing.synthetic)
    files.insert(built_in, (("ftrace", "print"), array.print_file))
    return "".join(f"{system}:{name}\n" for (system, name), file in files if file.registered)


def available_events_text(array: TraceArray) -> str:
    """``available_events``: all that can be turned on."""
    return "".join(f"{system}:{name}\n" for system, name in array.files)


def write_set_event(array: TraceArray, data: str) -> int:
    """Take one word of a write; returns how many characters were used.

    Raises EINVAL for a word that no event matches or that is too long.
    """
    match = _TOKEN.match(data)
    if match is None or not match[1]:
        return len(data)
    array.expand()
    _set_clear(array, match[1])
    return match.end()


def _set_clear(array: TraceArray, token: str) -> None:
    if len(token) > _MAX_TOKEN:
        raise refuse(errno.EINVAL)
    on = not token.startswith("!")
    pattern = token if on else token[1:]
    system, colon, name = pattern.partition(":")
    files = [
        file
        for key, file in array.files.items()
        if ((system in (*_ANY, key[0]) and name in (*_ANY, key[1])) if colon else pattern in key)
    ]
    if not files:
        raise refuse(errno.EINVAL)
    array.events_enabled(files, on)


def truncate_set_event(array: TraceArray) -> None:
    """An open with O_TRUNC: every event goes off."""
    array.events_enabled(list(array.files.values()), False)
