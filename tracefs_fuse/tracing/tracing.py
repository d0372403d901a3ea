"""The tracing core as a whole: registered events, instances, what they share.

Modelled after kernel/trace/trace.c and kernel/trace/trace_events.c.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tracefs_fuse.tracing.cmdlines import SavedCmdlines
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.event_file import EventFile
from tracefs_fuse.tracing.events import ftrace, huge_memory
from tracefs_fuse.tracing.events.stacks import KHUGEPAGED, USER_ADDRESS
from tracefs_fuse.tracing.kallsyms import hist_stack_of, stack_of
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.options import PRINTK_DEST
from tracefs_fuse.tracing.origin import Origin
from tracefs_fuse.tracing.pointer_hash import PointerHash
from tracefs_fuse.tracing.print_fmt import PointerText, Values
from tracefs_fuse.tracing.probe import tracepoint_function
from tracefs_fuse.tracing.source import SourceLike, TaskLike
from tracefs_fuse.tracing.synthetic import SyntheticEvent, SyntheticEvents
from tracefs_fuse.tracing.trace_array import TraceArray
from tracefs_fuse.tracing.versions import VERSIONS
from tracefs_fuse.tracing.wait_queue import WaitQueue

SCHED = "sched"
"""The system of the tracepoints at which processes begin and end."""


@dataclass(frozen=True)
class _Tracepoint:
    """Where an event comes from: its parameters, and how to have a function called there."""

    prototype: tuple[str, ...]
    bind: Callable[[Callable[..., None]], None]
    unheard: Callable[..., None]


class Tracing:
    """Everything below ``/sys/kernel/tracing`` that is not the text of a file."""

    def __init__(
        self,
        version: str,
        source: SourceLike,
        *,
        cpus: int = 1,
        seed: int = 0,
        lock: threading.RLock | None = None,
        inject: bool = True,
        first_id: int | None = None,
    ) -> None:
        """version: a key of VERSIONS.  seed: of the hash that hides pointers.

        inject: events have a file ``inject`` (CONFIG_TRACE_EVENT_INJECT). Without it the files are
        those of a distribution's kernel, in which what else is configured differs too.
        first_id: the id of the first huge_memory event; by default that of the recorded kernels.
        """
        self.version = VERSIONS[version]
        self.source = source
        self.cpu_count = cpus
        self.has_inject = inject
        self.lock = lock if lock is not None else threading.RLock()
        self.readers = WaitQueue(self.lock)
        """Woken when a blocked reader may find something new."""

        self.pointer_hash = PointerHash(seed)
        self.cmdlines = SavedCmdlines()
        self.events: dict[tuple[str, str], TraceEvent] = {}
        for definition in huge_memory.definitions(version, first_id):
            event = TraceEvent.defined(definition, self.version)
            self.events[event.system, event.name] = event
        self.ftrace_events = ftrace.events(self.version)
        self._by_id = {e.id: e for e in (*self.events.values(), *self.ftrace_events.values())}
        self._tracepoints: dict[tuple[str, str], _Tracepoint] = {}
        self._record_comms = self._record_tgids = False
        self.synthetic = SyntheticEvents(self)
        self.generators: list[str] = []
        """Names of the events whose histograms generate synthetic ones at the moment, each one the
        event that the one before generates."""

        self.origin = Origin.EVENT
        """Cause of the current event, or of the first of the generators."""

        self.thresh = 0
        """Nanoseconds; of use to latency tracers only."""

        self.tracer_options: set[str] = set()
        """Options of the tracer that are on."""

        self.instances: dict[str, TraceArray] = {}
        self.top = TraceArray(self, "")

    # -- instances -------------------------------------------------------------------------

    def arrays(self) -> Iterator[TraceArray]:
        """All instances, the top level first."""
        yield self.top
        yield from self.instances.values()

    def make_instance(self, name: str) -> None:
        """mkdir in ``instances``."""
        if name in self.instances:
            raise refuse(errno.EEXIST)
        self.instances[name] = TraceArray(self, name, self.top.options)

    def remove_instance(self, name: str, *, in_use: bool = False) -> None:
        """rmdir in ``instances``; EBUSY while somebody uses it.  in_use: files of it are open."""
        array = self.instances.get(name)
        if array is None:
            raise refuse(errno.ENOENT)
        if in_use or array.has_variables:
            raise refuse(errno.EBUSY)
        array.remove()
        del self.instances[name]
        if PRINTK_DEST in array.options:
            self.top.options.set(PRINTK_DEST, True)
        self.update_following()

    # -- events ----------------------------------------------------------------------------

    def attach(
        self,
        system: str,
        name: str,
        prototype: Sequence[str],
        bind: Callable[[Callable[..., None]], None],
        unheard: Callable[..., None],
    ) -> None:
        """Say where an event comes from.

        prototype: names of the tracepoint's parameters.
        bind: has the given function called at each hit from now on.
        unheard: what to bind while nobody listens.
        """
        self._tracepoints[system, name] = _Tracepoint(tuple(prototype), bind, unheard)

    def add_event(self, event: TraceEvent) -> None:
        """An event is made at run time: in present instances it comes first."""
        key = event.system, event.name
        self.events[key] = event
        self._by_id[event.id] = event
        for array in self.arrays():
            array.files = {key: EventFile(event, array), **array.files}

    def remove_event(self, event: TraceEvent) -> None:
        key = event.system, event.name
        del self.events[key]
        del self._by_id[event.id]
        for array in self.arrays():
            array.files.pop(key).removed = True

    def files_of(self, event: TraceEvent) -> list[EventFile]:
        """The event's state in all instances."""
        return [array.files[event.system, event.name] for array in self.arrays()]

    @contextmanager
    def coming_from(self, origin: Origin) -> Iterator[None]:
        """Have events happen that are caused by a write."""
        self.origin = origin
        try:
            yield
        finally:
            self.origin = Origin.EVENT

    def generate(self, event: SyntheticEvent, task: TaskLike, values: Values, by: str) -> None:
        """A synthetic event happens, in all instances where it is on.

        by: name of the event whose histogram generates it.
        """
        files = [file for file in self.files_of(event) if file.registered]
        if not files:
            return
        self.generators.append(by)
        try:
            preempt_count = len(self.generators) * self.version.synthetic_preempt_count
            record = event.record(task.pid, preempt_count, values)
            for file in files:
                file.fire(task, record)
        finally:
            self.generators.pop()

    def event_of_id(self, id: int) -> TraceEvent | None:
        return self._by_id.get(id)

    def event_changed(self, event: TraceEvent) -> None:
        """An event file of this event changed: compose what its tracepoint calls."""
        key = event.system, event.name
        files = [f for a in self.arrays() if (f := a.files.get(key)) is not None and f.registered]
        tracepoint = self._tracepoints.get(key)
        if tracepoint is not None:
            tracepoint.bind(
                tracepoint_function(event, tracepoint.prototype, files, self.source)
                if files
                else tracepoint.unheard
            )
        self.update_recording()

    def update_recording(self) -> None:
        """Tasks are remembered by name only while some event is on."""
        active = [a for a in self.arrays() if any(f.registered for f in a.files.values())]
        self._record_comms = bool(active) and "record-cmd" in self.top.options
        self._record_tgids = any("record-tgid" in array.options for array in active)

    # -- processes -------------------------------------------------------------------------

    def update_following(self) -> None:
        """Listen to forks and ends of processes only while some list of pids follows them.

        Modelled after trace_event_follow_fork() (kernel/trace/trace_events.c) and
        ftrace_pid_follow_fork() (kernel/trace/ftrace.c).
        """
        follows = any(array.following_pids() for array in self.arrays())
        for name, function in (
            ("sched_process_fork", self._process_forked),
            ("sched_process_exit", self._process_exited),
        ):
            tracepoint = self._tracepoints.get((SCHED, name))
            if tracepoint is not None:
                tracepoint.bind(function if follows else tracepoint.unheard)

    def _process_forked(self, parent_pid: int, child_pid: int) -> None:
        for array in self.arrays():
            for pids in array.following_pids():
                pids.fork(parent_pid, child_pid)

    def _process_exited(self, pid: int) -> None:
        for array in self.arrays():
            for pids in array.following_pids():
                pids.exit(pid)

    # -- what is recorded ------------------------------------------------------------------

    def recorded(self, task: TaskLike) -> None:
        """A record of this task was committed somewhere."""
        if self._record_comms and self.cmdlines.known.get(task.pid) != task.comm:
            self.cmdlines.record_comm(task)
        if self._record_tgids:
            self.cmdlines.record_tgid(task)
        if self.readers.waiting:
            self.readers.wake()

    def stack_record(self, event: TraceEvent, task: TaskLike) -> bytes:
        """A record of the kernel stack that leads to an event."""
        kernel_stack = self.ftrace_events["kernel_stack"]
        events = (*self.generators, event.name)
        addresses = stack_of(events, self.origin, self.version.name, task.comm)
        return kernel_stack.layout.pack((kernel_stack.id, 0, 0, task.pid), addresses)

    def hist_stack(self, event: str, task: TaskLike) -> tuple[int, ...]:
        """The kernel stack that leads to an event, as its histograms find it."""
        events = (*self.generators, event)
        return hist_stack_of(events, self.origin, self.version.name, task.comm)

    def user_stack_record(self, task: TaskLike) -> bytes | None:
        """A record of where a task is in user space; None for a kernel thread."""
        if task.comm == KHUGEPAGED:
            return None
        user_stack = self.ftrace_events["user_stack"]
        return user_stack.layout.pack((user_stack.id, 0, 0, task.pid), (task.tgid, USER_ADDRESS))

    def pointer_text(self, *, hashed: bool) -> PointerText:
        """What ``%p`` shows, by the option hash-ptr."""
        return self.pointer_hash.text if hashed else "{:016x}".format
