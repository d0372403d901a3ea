"""An event's path, composed into one function for a tracepoint or for finished records.

What happens at an event, for each instance that listens (modelled after
include/trace/stages/stage6_event_callback.h and trace_event_buffer_commit()):

- No trigger needs the record, or those that do only count: all triggers run first, then the record
  is made and committed.
- Some trigger does, and may change what becomes of it: the record takes its place in the buffer,
  triggers run in the order of the list (what they record comes behind it), traceoff and stacktrace
  at the end.  A record that may be dropped waits outside of the buffer until then, see
  :meth:`EventFile.buffered`.

A record is kept unless the event is soft-disabled or its filter says no.  A task that
set_event_pid leaves out makes no record, hence runs no trigger that needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.compose import Namespace, composed, indented
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.field import Kind
from tracefs_fuse.tracing.filter import Filter
from tracefs_fuse.tracing.origin import Origin
from tracefs_fuse.tracing.ring_buffer import payload_words
from tracefs_fuse.tracing.source import SourceLike

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile


_HEADER = ("common_type", "common_flags", "common_preempt_count", "common_pid")


@dataclass(frozen=True)
class _Record:
    """How composed code makes a record."""

    made: str
    """An expression for its bytes."""

    words: int = 0
    """Of its payload, when all records of the event are alike; then it is packed in its place."""

    packed: str = ""
    """A call that packs it at ``at`` of ``ring.data``."""


def tracepoint_function(
    event: TraceEvent, prototype: Sequence[str], files: Sequence[EventFile], source: SourceLike
) -> Callable[..., None]:
    """What a tracepoint calls: the event's path in all instances that listen.

    prototype: the tracepoint's parameters by name; the event records those that are its fields.
    """
    namespace = Namespace()
    variables = {field.name: field.variable for field in event.fields}
    current = f"task = {namespace.bind(source, 'source')}.current"
    bodies, needs = [], set[str]()
    for file in files:
        path = _Path(file, namespace, _packed(event, namespace), Origin.EVENT, current)
        bodies += path.lines
        needs |= path.needs
    lines = [
        f'{field.variable} = {field.variable}.encode("utf-8", "surrogateescape")'
        for field in event.fields
        if field.kind is Kind.DYNAMIC_STRING
    ]
    header = {
        "common_type": str(event.id),
        "common_flags": "0",
        "common_preempt_count": "0",
        "common_pid": "task.pid",
    }
    lines += [f"{name} = {value}" for name, value in header.items() if name in needs]
    lines += _task_lines(needs)
    if needs & {"task", "cpu", "comm", "common_pid"}:
        lines.insert(0, current)
    parameters = [variables.get(name, f"_{name}") for name in prototype]
    return composed(event.name, parameters, lines + bodies, namespace)


def record_function(file: EventFile, origin: Origin) -> Callable[..., None]:
    """The event's path in one instance for a finished record: ``function(task, record)``.

    For a marker ``function(task, record, finished)``: what triggers see, and what is recorded; it
    returns False when that is refused.
    """
    namespace = Namespace()
    parameters = ["task", "record", *(["finished"] if origin is Origin.MARKER else [])]
    path = _Path(file, namespace, _Record(parameters[-1]), origin)
    event = file.event
    names = [*_HEADER, *(field.variable for field in event.fields)]
    unpack = namespace.bind(event.layout.unpack_all, "unpack")
    lines = [f"{', '.join(names)}, = {unpack}(record)", *_task_lines(path.needs)]
    return composed(event.name, parameters, lines + path.lines, namespace)


def _task_lines(needs: set[str]) -> list[str]:
    lines = []
    if "cpu" in needs:
        lines.append("cpu = task.cpu")
    if "comm" in needs:
        lines.append('comm = task.comm.encode("utf-8", "surrogateescape")[:15]')
    return lines


def _packed(event: TraceEvent, namespace: Namespace) -> _Record:
    """A record of the fields' variables."""
    header = f"{event.id}, 0, 0, task.pid"
    values = "".join(f", {field.variable}" for field in event.fields)
    layout = event.layout
    if layout.dynamic:
        return _Record(f"{namespace.bind(layout.pack, 'pack')}(({header}), ({values[2:]},))")
    pack = namespace.bind(layout.struct.pack, "pack")
    words = payload_words(layout.size)
    padded = Struct(f"{layout.struct.format}{4 * words - layout.struct.size}x")
    pack_into = namespace.bind(padded.pack_into, "pack_into")
    return _Record(
        f"{pack}({header}{values})", words, f"{pack_into}(ring.data, at, {header}{values})"
    )


class _Path:
    """The source lines of an event's path in one instance."""

    def __init__(
        self,
        file: EventFile,
        namespace: Namespace,
        record: _Record,
        origin: Origin,
        current: str | None = None,
    ) -> None:
        """current: a line that finds the task; None when it is known."""
        self._file = file
        self._namespace = namespace
        self._current = current
        self.needs: set[str] = set()
        """What the lines use before they come to recording."""

        if origin is Origin.MARKER:
            self.needs.add("ts")
            self.lines = [
                f"if not {self._call('record', 'task', record)}: return False",
                *self._triggers(post=False),
                *self._triggers(post=True),
                "return True",
            ]
        elif file.conditional and not all(trigger.passive for trigger in file.triggers):
            self.lines = self._around_triggers(record)
        else:
            self.lines = self._behind_triggers(record, origin)
        if "ts" in self.needs:
            self.lines.insert(0, self._stamp())

    def _bound(self, value: Any, hint: str) -> str:
        return self._namespace.bind(value, hint)

    def _stamp(self) -> str:
        return f"ts = {self._file.array.clock.compose(self._namespace)}"

    # -- conditions ------------------------------------------------------------------------

    def _triggers(self, *, post: bool | None) -> list[str]:
        """The triggers' lines: those that run behind the event, those before, or all (None)."""
        lines = []
        for trigger in self._file.triggers:
            if post is None or trigger.post == post:
                body = trigger.compose(self._namespace)
                lines += _if(self._condition(trigger.filter) if body else [], body)
                self.needs |= trigger.needs
        return lines

    def _condition(self, filter: Filter | None) -> list[str]:
        if filter is None:
            return []
        self.needs |= filter.needs
        return [filter.compose(self._namespace)]

    def _pids(self) -> list[str]:
        array = self._file.array
        if not array.pids.in_use:
            return []
        self.needs.add("task")
        return [f"{self._bound(array.pids.admits, 'admits')}(task.pid)"]

    def _wanted(self) -> list[str]:
        """Soft mode is looked at when the event happens, for triggers change it."""
        soft = [f"not {self._bound(self._file, 'file')}.soft_disabled"]
        return [*(soft if self._file.soft_mode else []), *self._condition(self._file.filter)]

    # -- recording -------------------------------------------------------------------------

    def _behind_triggers(self, record: _Record, origin: Origin) -> list[str]:
        """All triggers, then the record."""
        if self._file.conditional:
            triggers, pids, wanted = self._triggers(post=None), self._pids(), self._wanted()
            return _if(pids, [*triggers, *_if(wanted, self._recorded(record))])
        triggers = [] if origin is Origin.INJECTED else self._triggers(post=None)
        wanted = [*self._pids(), *self._wanted()]
        return [*triggers, *_if(wanted, self._recorded(record))]

    def _recorded(self, record: _Record) -> list[str]:
        file, array = self._file, self._file.array
        lines = []
        if self._current is not None and "task" not in self.needs:
            lines.append(self._current)
        if "ts" not in self.needs:
            lines.append(self._stamp())
        if not record.packed:
            return [
                *lines,
                *_if([self._call("record", "task", record)], self._stacks() or ["pass"]),
            ]
        reserved = f"(at := ring.reserve_words(ts, {record.words}))"
        return [
            *lines,
            f"ring = {self._bound(array.rings, 'rings')}[task.cpu]",
            f"if ring is not None and {reserved}:",
            f"    {record.packed}",
            f"    {self._bound(file.array.tracing.recorded, 'recorded')}(task)",
            *indented(self._stacks()),
        ]

    def _around_triggers(self, record: _Record) -> list[str]:
        """The record and the triggers that look at it, where those come behind it."""
        file, triggers = self._file, self._triggers(post=False)
        self.needs |= {"task", "ts"}
        commit = self._call("commit", "ring, task", record)
        if file.filter is None and not file.soft_mode:
            lines = [f"kept = {commit}", *triggers]
        else:
            lines = [
                f"buffered = {self._bound(file.buffered, 'buffered')}()",
                f"kept = None if buffered else {self._call('reserve', 'ring', record)}",
                *triggers,
                "wanted = False",
                *_if(self._wanted(), ["wanted = True"]),
                "if buffered:",
                f"    kept = wanted and {commit}",
                "elif kept is not None:",
                "    if wanted:",
                f"        {self._bound(file.array.tracing.recorded, 'recorded')}(task)",
                "    else:",
                "        ring.discard(kept)",
                "        kept = None",
            ]
        return _if(
            self._pids(),
            [
                f"ring = {self._bound(file.array.rings, 'rings')}[task.cpu]",
                *lines,
                *_if(["kept"], self._stacks()),
                *self._triggers(post=True),
            ],
        )

    def _call(self, method: str, where: str, record: _Record) -> str:
        """A call that records the event."""
        function = self._bound(getattr(self._file.array, method), method)
        return f"{function}({where}, {record.made}, ts)"

    def _stacks(self) -> list[str]:
        """Options stacktrace and userstacktrace: stacks behind each event that is recorded."""
        file = self._file
        if not {"stacktrace", "userstacktrace"} & file.array.options.on:
            return []
        stacks = self._bound(file.array.record_stacks, "stacks")
        return [f"{stacks}({self._bound(file.event, 'event')}, task)"]


def _if(conditions: Sequence[str], lines: list[str]) -> list[str]:
    """Lines that run when all conditions are met."""
    if not conditions or not lines:
        return lines
    return [f"if {' and '.join(f'({c})' for c in conditions)}:", *indented(lines)]
