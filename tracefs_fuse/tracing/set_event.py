"""The ``set_event`` file: events enabled by name or pattern.

Modelled after ftrace_event_write() and __ftrace_set_clr_event_nolock()
(kernel/trace/trace_events.c).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.user_words import first_word

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_ANY = ("", "*")
_MODULE = ":mod:"


@dataclass(frozen=True)
class ModuleWish:
    """Events of a module to turn on once it is loaded (struct event_mod_load)."""

    match: str
    """System or event; empty when they are given each on its own."""

    system: str
    event: str
    module: str

    @classmethod
    def parsed(cls, pattern: str) -> ModuleWish:
        """``MATCH:mod:MODULE`` or ``SYSTEM:EVENT:mod:MODULE``, where nothing and ``*`` are any."""
        events, _, module = pattern.partition(_MODULE)
        system, colon, event = events.partition(":")
        if not colon:
            return cls(_named(system), "", "", module)
        return cls("", _named(system), _named(event), module)

    def pattern(self) -> str:
        events = self.match or f"{self.system or '*'}:{self.event or '*'}"
        return f"{events}{_MODULE}{self.module}"

    def covers(self, other: ModuleWish) -> bool:
        """Taking this one back takes back the other."""
        return self.module == other.module and all(
            mine in _ANY or mine == its
            for mine, its in (
                (self.match, other.match),
                (self.system, other.system),
                (self.event, other.event),
            )
        )


def _named(word: str) -> str:
    return "" if word in _ANY else word


def set_event_text(array: TraceArray) -> str:
    """The events that are on, one a line, then those of modules that are waited for.

    ftrace:print, which triggers turn on, heads the events that the kernel was built with.
    """
    files = list(array.files.items())
    built_in = next(n for n, (key, _) in enumerate(files) if key not in array.tracing.synthetic)
    files.insert(built_in, (("ftrace", "print"), array.print_file))
    on = "".join(f"{system}:{name}\n" for (system, name), file in files if file.registered)
    return on + "".join(f"{wish.pattern()}\n" for wish in reversed(array.module_wishes))


def available_events_text(array: TraceArray) -> str:
    """``available_events``: all that can be turned on."""
    return "".join(f"{system}:{name}\n" for system, name in array.files)


def write_set_event(array: TraceArray, data: str) -> int:
    """Take one word of a write; returns how many characters were used.

    Raises EINVAL for a word that no event matches or that is too long.
    """
    array.expand()
    word, end = first_word(data)
    if word:
        _set_clear(array, word)
    return end


def _set_clear(array: TraceArray, token: str) -> None:
    """ftrace_set_clr_event()."""
    on = not token.startswith("!")
    pattern = token if on else token[1:]
    if _MODULE in pattern and array.tracing.version.event_mod_syntax:
        _wish(array, ModuleWish.parsed(pattern), on)
        return
    system, colon, name = pattern.partition(":")
    files = [
        file
        for key, file in array.files.items()
        if ((system in (*_ANY, key[0]) and name in (*_ANY, key[1])) if colon else pattern in key)
    ]
    if not files:
        raise refuse(errno.EINVAL)
    array.events_enabled(files, on)


def _wish(array: TraceArray, wish: ModuleWish, on: bool) -> None:
    """No event here belongs to a module: what is wished waits for the module to be loaded."""
    if on:
        array.module_wishes.append(wish)
        return
    kept = [other for other in array.module_wishes if not wish.covers(other)]
    if len(kept) == len(array.module_wishes):
        raise refuse(errno.EINVAL)
    array.module_wishes = kept


def truncate_set_event(array: TraceArray) -> None:
    """An open with O_TRUNC: every event goes off, and no module is waited for."""
    array.module_wishes.clear()
    array.events_enabled(list(array.files.values()), False)
