"""The ``events`` folder of an instance.

Modelled after event_create_dir() and eventfs (kernel/trace/trace_events.c, fs/tracefs/).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

from tracefs_fuse.files.node import Directory, Listed, Node, Request, Seeks, SimpleFile, TextFile
from tracefs_fuse.files.tracefs.caller import Caller
from tracefs_fuse.files.tracefs.filesystem import EVENTFS
from tracefs_fuse.files.tracefs.hist import HistFile
from tracefs_fuse.files.tracefs.listing import FTRACE, LISTINGS, listed, newest_first
from tracefs_fuse.files.tracefs.text import command
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.event_file import EventFile
from tracefs_fuse.tracing.filter import (
    SYSTEM_FILTER_TEXT,
    read_event_filter,
    write_event_filter,
    write_system_filter,
)
from tracefs_fuse.tracing.inject import write_inject
from tracefs_fuse.tracing.numbers import parse_switch, refuse
from tracefs_fuse.tracing.output import header_event_text, header_page_text
from tracefs_fuse.tracing.trace_array import TraceArray
from tracefs_fuse.tracing.triggers.trigger_file import (
    read_triggers,
    truncate_triggers,
    write_trigger,
)

_SYNTHETIC = "synthetic"
_FTRACE = "ftrace"
"""The system of the fixed entries that are no events: they can't be turned on."""


class _EventsFolder(Directory):
    """A folder of ``events`` or below, which each kernel lists and counts in its own way."""

    def __init__(self, array: TraceArray, entries: Mapping[str, Node]) -> None:
        self._listing = LISTINGS[array.tracing.version.name]
        super().__init__(entries, mode=0o755 if self._listing.eventfs else 0o750)
        if self._listing.eventfs:
            self.filesystem = EVENTFS

    @property
    def links(self) -> int:
        if self._listing.eventfs:
            return 1
        return 2 + sum(isinstance(node, Directory) for node in self.children().values())

    def _listed(self, oldest_first: dict[str, Node]) -> dict[str, Node]:
        return oldest_first if self._listing.eventfs else newest_first(oldest_first)


class EventsDirectory(_EventsFolder):
    """``events``: systems come and go with synthetic events."""

    def __init__(self, array: TraceArray) -> None:
        version = array.tracing.version
        holds = LISTINGS[version.name].eventfs
        super().__init__(
            array,
            {
                "enable": _enable_file(array, lambda: list(array.files.values())),
                "header_page": TextFile(
                    0o440,
                    lambda: header_page_text(version, array.buffer.order),
                    holds=holds,
                    at_once=True,
                ),
                "header_event": TextFile(0o440, header_event_text, holds=holds, at_once=True),
                _FTRACE: _ftrace_tree(array),
            },
        )
        self._array = array
        self._systems: dict[str, SystemDirectory] = {}

    def lookup(self, name: str) -> Node | None:
        return super().lookup(name) or self._system(name)

    def children(self) -> dict[str, Node]:
        systems = dict.fromkeys(system for system, _ in self._array.files)
        synthetic = [system for system in systems if system == _SYNTHETIC]
        built_in = [_FTRACE, *(system for system in systems if system != _SYNTHETIC)]
        if self._array.name:
            built_in.reverse()
        names = [*self._listing.events.split(), *built_in, *synthetic]
        found = {name: self.lookup(name) for name in names}
        return self._listed({name: node for name, node in found.items() if node})

    def _system(self, name: str) -> SystemDirectory | None:
        if not any(system == name for system, _ in self._array.files):
            return None
        if name not in self._systems:
            self._systems[name] = SystemDirectory(self._array, name)
        return self._systems[name]


class SystemDirectory(_EventsFolder):
    """``events/SYSTEM``."""

    def __init__(self, array: TraceArray, system: str) -> None:
        super().__init__(
            array,
            {
                "filter": TextFile(
                    0o640,
                    lambda: SYSTEM_FILTER_TEXT,
                    command(lambda text: write_system_filter(self._files(), text)),
                    at_once=True,
                ),
                "enable": _enable_file(array, self._files),
            },
        )
        self._array = array
        self._system = system
        self._events: dict[EventFile, Directory] = {}

    def _files(self) -> list[EventFile]:
        return [file for (system, _), file in self._array.files.items() if system == self._system]

    def lookup(self, name: str) -> Node | None:
        return super().lookup(name) or self._event(name)

    def children(self) -> dict[str, Node]:
        names = [file.event.name for file in self._files()]
        if self._array.name or self._system == _SYNTHETIC:  # whose files have the newest in front
            names.reverse()
        found = {**self._entries, **{name: self._event(name) for name in names}}
        return self._listed({name: node for name, node in found.items() if node})

    def _event(self, name: str) -> Directory | None:
        file = self._array.files.get((self._system, name))
        if file is None:
            return None
        if file not in self._events:
            self._events = {f: tree for f, tree in self._events.items() if not f.removed}
            self._events[file] = _event_tree(file)
        return self._events[file]


def _event_tree(file: EventFile) -> Directory:
    entries: dict[str, Node] = {
        "enable": SimpleFile(
            0o640,
            lambda: file.alive().enable_text(),
            command(lambda text: _enable(file.alive(), text)),
        ),
        "filter": TextFile(
            0o640,
            lambda: read_event_filter(file.alive()),
            command(lambda text: write_event_filter(file.alive(), text)),
            at_once=True,
        ),
        "format": TextFile(
            0o440, lambda: file.alive().event.format_text(), holds=False, seeks=Seeks.NOT_TO_END
        ),
        "hist": HistFile(file),
        "id": SimpleFile(0o440, lambda: f"{file.event.id}\n", holds=False),
        "trigger": _trigger_file(file),
        **_btf_ids_entry(file),
        **_inject_entry(file),
    }
    array = file.array
    return _EventsFolder(array, listed(entries, LISTINGS[array.tracing.version.name].event))


def _trigger_file(file: EventFile) -> TextFile:
    return TextFile(
        0o640,
        lambda: Listed(lambda: read_triggers(file.alive())),
        command(lambda text: write_trigger(file.alive(), text)),
        truncated=lambda request: truncate_triggers(file),
        holds=False,
        seeks=Seeks.READERS_NOT_TO_END,
    )


def _btf_ids_entry(file: EventFile) -> dict[str, Node]:
    """The ``btf_ids`` file of an event, in a lab with a distribution's files."""
    ids = file.event.btf_ids
    if file.array.tracing.has_inject or ids is None:
        return {}

    def show() -> str:
        """event_btf_ids_read(): the kernel's own BTF is the first object of all."""
        file.alive()
        return f"btf_obj_id: 1\nraw_btf_id: {ids[0]}\ntp_btf_id: {ids[1]}\n"

    return {"btf_ids": TextFile(0o440, show, holds=False)}


def _inject_entry(file: EventFile) -> dict[str, Node]:
    """The ``inject`` file of an event, in a lab that has it."""
    if not file.array.tracing.has_inject:
        return {}
    return {"inject": TextFile(0o200, _unreadable, _inject(file))}


def _unreadable() -> str:
    """event_inject_read(): there is nothing to see."""
    raise refuse(errno.EPERM)


def _inject(file: EventFile) -> Callable[[Request, bytes], None]:
    def store(request: Request, data: bytes) -> None:
        task = Caller.of(request, file.array.tracing.cpu_count)
        write_inject(file.alive(), task, data.decode("latin-1"))

    return store


def _enable(file: EventFile, text: str) -> None:
    on = parse_switch(text)
    file.array.expand()
    file.array.events_enabled([file], on)


def _enable_file(array: TraceArray, files: Callable[[], list[EventFile]]) -> SimpleFile:
    """``enable`` of several events: ``X`` when they differ, ``?`` when there are none."""

    def show() -> str:
        states = {file.registered for file in files()}
        return {frozenset(): "?", frozenset({False}): "0", frozenset({True}): "1"}.get(
            frozenset(states), "X"
        ) + "\n"

    def store(text: str) -> None:
        on = parse_switch(text)
        array.expand()
        array.events_enabled(files(), on)

    return SimpleFile(0o640, show, command(store))


def _ftrace_tree(array: TraceArray) -> Directory:
    """``events/ftrace``: formats of the entries that tracers and markers make."""
    events: dict[str, Node] = {
        event.name: _ftrace_entry_tree(array, event)
        for event in array.tracing.ftrace_events.values()
    }
    backwards = bool(array.name) != LISTINGS[array.tracing.version.name].eventfs
    made = listed(events, FTRACE)
    return _EventsFolder(array, newest_first(made) if backwards else made)


def _ftrace_entry_tree(array: TraceArray, event: TraceEvent) -> Directory:
    file = array.print_file if event is array.print_file.event else EventFile(event, array)
    entries: dict[str, Node] = {
        "format": TextFile(0o440, event.format_text, holds=False, seeks=Seeks.NOT_TO_END),
        "hist": HistFile(file),
    }
    if event.name in ("function", "print"):
        entries["id"] = SimpleFile(0o440, lambda: f"{event.id}\n", holds=False)
        entries |= _inject_entry(file)
    if file is array.print_file:
        entries["trigger"] = _trigger_file(file)
    order = LISTINGS[array.tracing.version.name].event_of_ftrace
    return _EventsFolder(array, listed(entries, order))
