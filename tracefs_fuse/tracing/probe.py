"""An event's path, composed into one function for a tracepoint or for finished records.

What happens at an event, for each instance that listens (modelled after
include/trace/stages/stage6_event_callback.h and trace_event_buffer_commit()):

- No trigger needs the record: all triggers run first, then the record is made and committed.
- Some trigger does: the record takes its place in the buffer, triggers run in the order of the
  list (what they record comes behind it), traceoff and stacktrace at the end.  A record that may
  be dropped waits outside of the buffer until then, see :meth:`EventFile.buffered`.

A record is kept unless the event is soft-disabled or its filter says no.  A task that
set_event_pid leaves out makes no record, hence runs no trigger that needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.compose import Namespace, composed, indented
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.field import Kind
from tracefs_fuse.tracing.source import SourceLike

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile


class Origin(Enum):
    """Where an occurrence of an event comes from."""

    EVENT = "event"
    """The event itself: a tracepoint, or a synthetic event that is generated."""

    INJECTED = "injected"
    """A record put in by hand: triggers that don't need it don't run."""

    MARKER = "marker"
    """A write to trace_marker: always kept, and triggers always get to see the record."""


_HEADER = ("common_type", "common_flags", "common_preempt_count", "common_pid")


def tracepoint_function(
    event: TraceEvent, prototype: Sequence[str], files: Sequence[EventFile], source: SourceLike
) -> Callable[..., None]:
    """What a tracepoint calls: the event's path in all instances that listen.

    prototype: the tracepoint's parameters by name; the event records those that are its fields.
    """
    namespace = Namespace()
    variables = {field.name: field.variable for field in event.fields}
    bodies, needs = [], set[str]()
    for file in files:
        path = _Path(file, namespace, _packed(event, namespace), Origin.EVENT)
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
        lines.insert(0, f"task = {namespace.bind(source, 'source')}.current")
    parameters = [variables.get(name, f"_{name}") for name in prototype]
    return composed(event.name, parameters, lines + bodies, namespace)


def record_function(file: EventFile, origin: Origin) -> Callable[..., None]:
    """The event's path in one instance for a finished record: ``function(task, record)``.

    For a marker ``function(task, record, finished)``: what triggers see, and what is recorded; it
    returns False when that is refused.
    """
    namespace = Namespace()
    parameters = ["task", "record", *(["finished"] if origin is Origin.MARKER else [])]
    path = _Path(file, namespace, parameters[-1], origin)
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


def _packed(event: TraceEvent, namespace: Namespace) -> str:
    """An expression that makes the record from the fields' variables."""
    header = f"{event.id}, 0, 0, task.pid"
    values = "".join(f", {field.variable}" for field in event.fields)
    layout = event.layout
    if layout.dynamic:
        return f"{namespace.bind(layout.pack, 'pack')}(({header}), ({values[2:]},))"
    return f"{namespace.bind(layout.struct.pack, 'pack')}({header}{values})"


class _Path:
    """The source lines of an event's path in one instance."""

    def __init__(self, file: EventFile, namespace: Namespace, record: str, origin: Origin) -> None:
        """record: expression for the record that is committed."""
        self._file = file
        self._namespace = namespace
        self.needs: set[str] = set()
        if origin is Origin.MARKER:
            self.lines = [
                f"if not {self._record('record', 'task', record)}: return False",
                *self._triggers(post=False),
                *self._triggers(post=True),
                "return True",
            ]
        elif file.conditional:
            self.lines = self._for_pids(
                [
                    f"ring = {self._bound(file.array.ring_of, 'ring_of')}(task)",
                    *self._kept(record),
                    *self._triggers(post=True),
                ]
            )
        else:
            triggers = [] if origin is Origin.INJECTED else self._triggers(post=None)
            recorded = [f"kept = {self._record('record', 'task', record)}", *self._stacks()]
            self.lines = [*triggers, *self._for_pids(self._if_wanted(recorded))]
        if "ts" in self.needs:
            self.lines.insert(0, f"ts = {namespace.bind(file.array.clock.read, 'clock')}()")

    def _bound(self, value: Any, hint: str) -> str:
        return self._namespace.bind(value, hint)

    def _triggers(self, *, post: bool | None) -> list[str]:
        """The triggers' lines: those that run behind the event, those before, or all (None)."""
        lines = []
        for trigger in self._file.triggers:
            if post is None or trigger.post == post:
                lines += self._if(trigger.filter, trigger.compose(self._namespace))
                self.needs |= trigger.needs
        return lines

    def _if(self, filter: Any, lines: list[str]) -> list[str]:
        if filter is None or not lines:
            return lines
        self.needs |= filter.needs
        return [f"if {filter.compose(self._namespace)}:", *indented(lines)]

    def _for_pids(self, lines: list[str]) -> list[str]:
        array = self._file.array
        if not array.pids.in_use or not lines:
            return lines
        self.needs.add("task")
        return [f"if {self._bound(array.pids.admits, 'admits')}(task.pid):", *indented(lines)]

    def _record(self, method: str, where: str, record: str) -> str:
        """A call that records the event."""
        self.needs |= {"task", "ts"}
        function = self._bound(getattr(self._file.array, method), method)
        return f"{function}({where}, {record}, ts)"

    def _if_wanted(self, lines: list[str]) -> list[str]:
        """Soft mode is looked at when the event happens, for triggers change it."""
        lines = self._if(self._file.filter, lines)
        if self._file.soft_mode:
            lines = [f"if not {self._bound(self._file, 'file')}.soft_disabled:", *indented(lines)]
        return lines

    def _kept(self, record: str) -> list[str]:
        """The record and the triggers that look at it, where those come behind it."""
        file, triggers = self._file, self._triggers(post=False)
        commit = self._record("commit", "ring, task", record)
        if file.filter is None and not file.soft_mode:
            return [f"kept = {commit}", *triggers, *self._stacks()]
        return [
            f"buffered = {self._bound(file.buffered, 'buffered')}()",
            f"kept = None if buffered else {self._record('reserve', 'ring', record)}",
            *triggers,
            "wanted = False",
            *self._if_wanted(["wanted = True"]),
            "if buffered:",
            f"    kept = wanted and {commit}",
            "elif kept is not None:",
            "    if wanted:",
            f"        {self._bound(file.array.tracing.recorded, 'recorded')}(task)",
            "    else:",
            "        ring.discard(kept)",
            "        kept = None",
            *self._stacks(),
        ]

    def _stacks(self) -> list[str]:
        """Options stacktrace and userstacktrace: stacks behind each event that is recorded."""
        file = self._file
        if not {"stacktrace", "userstacktrace"} & file.array.options.on:
            return []
        stacks = self._bound(file.array.record_stacks, "stacks")
        return [f"if kept: {stacks}({self._bound(file.event, 'event')}, task)"]
