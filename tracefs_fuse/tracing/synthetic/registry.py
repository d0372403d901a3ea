"""Creating, listing and deleting synthetic events: ``synthetic_events`` and ``dynamic_events``.

Modelled after synth_events_write() and dyn_event_create() (kernel/trace/trace_dynevent.c).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.ctype import BLANKS, words
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.synthetic.command import (
    CommandError,
    check_command,
    is_good_name,
    parse_fields,
)
from tracefs_fuse.tracing.synthetic.event import SyntheticEvent

if TYPE_CHECKING:
    from tracefs_fuse.tracing.tracing import Tracing

_LOCATION = "synthetic_events"
_GROUP = "synthetic"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_GAP = re.compile("[ \t]")
_MAX_LINE = 4095
"""... with the newline, if there is one."""

_NO_TYPE = "No matching dynamic event type"


class SyntheticEvents:
    """All synthetic events, in the order of their creation."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._events: dict[str, SyntheticEvent] = {}

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Whether an event, by its system and name, is one of these."""
        return key[0] == _GROUP and key[1] in self._events

    def find(self, name: str) -> SyntheticEvent | None:
        return self._events.get(name)

    # -- files -----------------------------------------------------------------------------

    def text(self) -> str:
        """The ``synthetic_events`` file."""
        return "".join(event.listed() for event in self._events.values())

    def dynamic_text(self) -> str:
        """The ``dynamic_events`` file."""
        return "".join(f"s:{_GROUP}/{event.listed()}" for event in self._events.values())

    def write(self, data: str) -> None:
        """A write to ``synthetic_events``: definitions and deletions, one a line."""
        self._each_line(data, self._command)

    def write_dynamic(self, data: str) -> None:
        """A write to ``dynamic_events``."""
        self._each_line(data, self._dynamic_command)

    def truncate(self) -> None:
        """An open with O_TRUNC: all events go, or none when one is in use."""
        if any(self._is_busy(event) for event in self._events.values()):
            raise refuse(errno.EBUSY)
        for event in list(self._events.values()):
            self._delete(event, reset_buffers=True)

    @staticmethod
    def _each_line(data: str, run: Callable[[str], None]) -> None:
        for line in _LINE.findall(data):
            if len(line) > _MAX_LINE:
                raise refuse(errno.EINVAL)
            command = line.removesuffix("\n").partition("#")[0]
            if command.strip(BLANKS):
                run(command)

    # -- commands --------------------------------------------------------------------------

    def _command(self, line: str) -> None:
        command = line.lstrip(BLANKS)
        if command.startswith("!"):
            self._delete_named(_GAP.split(command[1:])[0], reset_buffers=False)
            return
        self._create(command, command)

    def _dynamic_command(self, line: str) -> None:
        command = line.lstrip(BLANKS)
        word = words(command)[0]
        kind, colon, rest = word.partition(":")
        if word[0] in "-!":
            self._release(kind, rest)
        elif kind == "s" and colon:
            self._create(command, command.partition(":")[2], dynamic=True)
        else:
            if self._tracing.version.dynevent_unknown_type_logged:
                self._tracing.top.error_log.log("dynevent", command, _NO_TYPE, 0)
            raise refuse(errno.EINVAL)

    def _release(self, kind: str, event: str) -> None:
        """dyn_event_release(): ``-:[group/]name`` or ``!ANYTHING:[group/]name``."""
        if not event or (kind[0] == "-" and kind != "-"):
            raise refuse(errno.EINVAL)
        group, slash, name = event.partition("/")
        if slash and group != _GROUP:
            raise refuse(errno.ENOENT)
        self._delete_named(name if slash else event, reset_buffers=True)

    def _create(self, command: str, definition: str, *, dynamic: bool = False) -> None:
        """Define an event; an error is logged with the whole command."""
        try:
            check_command(command)
            name, _, fields = definition.partition(" ")
            if "\t" in name:
                name, _, rest = name.partition("\t")
                fields = f"{rest} {fields}"
            if dynamic and "/" in name:
                group, _, name = name.partition("/")
                if group != _GROUP:
                    raise CommandError("INVALID_DYN_CMD")
            if not name:
                raise CommandError("INVALID_CMD")
            if not is_good_name(name):
                raise CommandError("BAD_NAME", name)
            if name in self._events:
                raise CommandError("EVENT_EXISTS", name, errno.EEXIST)
            event = SyntheticEvent(
                name,
                self._free_id(),
                parse_fields(fields),
                self._tracing.version.synth_format_separator,
            )
        except CommandError as error:
            position = max(0, command.find(error.piece))
            self._tracing.top.error_log.log(_LOCATION, command, error.message, position)
            raise
        self._events[name] = event
        self._tracing.add_event(event)

    def _free_id(self) -> int:
        used = {event.id for event in self._events.values()}
        id = self._tracing.version.first_dynamic_id
        while id in used:
            id += 1
        return id

    def _delete_named(self, name: str, *, reset_buffers: bool) -> None:
        event = self._events.get(name)
        if event is None:
            raise refuse(errno.ENOENT)
        if self._is_busy(event):
            raise refuse(errno.EBUSY)
        self._delete(event, reset_buffers=reset_buffers)

    def _is_busy(self, event: SyntheticEvent) -> bool:
        files = self._tracing.files_of(event)
        return event.references > 0 or any(file.registered for file in files)

    def _delete(self, event: SyntheticEvent, *, reset_buffers: bool) -> None:
        for file in self._tracing.files_of(event):
            if reset_buffers and file.was_enabled:
                file.array.clear()
        del self._events[event.name]
        self._tracing.remove_event(event)
