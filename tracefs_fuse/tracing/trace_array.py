"""One instance: its ring buffers, options, clock, event files and error log.

Modelled after struct trace_array (kernel/trace/trace.h).
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.buffer_size import DEFAULT_SIZE, MINIMAL_SIZE
from tracefs_fuse.tracing.clocks import Clock
from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.error_log import ErrorLog
from tracefs_fuse.tracing.event import TraceEvent
from tracefs_fuse.tracing.event_file import EventFile
from tracefs_fuse.tracing.numbers import number_written, refuse
from tracefs_fuse.tracing.options import PRINTK_DEST, Options
from tracefs_fuse.tracing.pid_filter import PidFilter, PidList
from tracefs_fuse.tracing.ring_buffer import CpuBuffer, Written
from tracefs_fuse.tracing.set_event import ModuleWish
from tracefs_fuse.tracing.source import TaskLike
from tracefs_fuse.tracing.trace_buffer import TraceBuffer, pages_for

if TYPE_CHECKING:
    from tracefs_fuse.tracing.tracing import Tracing

NOP = "nop"
"""The one tracer there is."""


class TraceArray:
    """An instance; the top level is the one with an empty name."""

    def __init__(self, tracing: Tracing, name: str, options: Options | None = None) -> None:
        """options: those to start with; defaults when None."""
        self.tracing = tracing
        self.name = name
        self._expanded = bool(name)
        self.options = Options(
            tracing.version,
            self._option_changed,
            tracing.tracer_options,
            None if options is None else options.on,
        )
        self.clock = Clock(tracing.source)
        self.buffer = TraceBuffer(
            tracing.cpu_count,
            DEFAULT_SIZE if name else MINIMAL_SIZE,
            overwrite="overwrite" in self.options,
        )
        self.told_sizes = [ring.size for ring in self.buffer.cpus]
        """Bytes of each CPU's buffer when it was last resized: what is told of it."""

        self.snapshot_buffer = TraceBuffer(tracing.cpu_count, MINIMAL_SIZE)
        """The smallest there is while it is not allocated."""

        self.snapshot_allocated = False
        """The snapshot buffer has the size of the main one, and can be swapped with it."""

        self.snapshot_users = 0
        """Histograms with a snapshot() action: they alone may take snapshots."""

        self.buffer_percent = 50
        """How full a CPU's buffer must be to wake who waits for whole pages."""

        self.max_latency = 0
        """Microseconds; of use to latency tracers only."""

        self.syscall_user_buf_size = 63
        """Bytes of user memory kept with a system call event."""

        self.rings: list[CpuBuffer | None] = []
        """By CPU, where its events go; None while none are recorded."""

        self.disabled_cpus: frozenset[int] = frozenset()
        self.pids = PidFilter()
        self.function_pids = PidFilter()
        """Tasks whose functions would be traced: to no effect, for no function is."""

        self.error_log = ErrorLog(lambda: tracing.source.now)
        self.files = {key: EventFile(event, self) for key, event in tracing.events.items()}
        self.print_file = EventFile(tracing.ftrace_events["print"], self)
        """What trace_marker makes; only its triggers can be set."""

        self.module_wishes: list[ModuleWish] = []
        """Events of modules that are not there, oldest first."""

        self.readers: set[int] = set()
        """CPUs whose events a trace_pipe consumes."""

        self.wake_ups = 0
        """How often somebody had the readers of raw pages look around."""

        self._tracing_on = True
        self._pauses = 0
        self._unbuffered_users = 0
        self._rings_changed()

    def all_files(self) -> tuple[EventFile, ...]:
        """The state of every event that can have triggers."""
        return (*self.files.values(), self.print_file)

    # -- recording -------------------------------------------------------------------------

    @property
    def tracing_on(self) -> bool:
        if self._pauses and self.tracing.version.paused_is_off:
            return False
        return self._tracing_on

    @tracing_on.setter
    def tracing_on(self, on: bool) -> None:
        self._tracing_on = on
        self._rings_changed()
        self.tracing.readers.wake()

    def pause(self) -> None:
        """Record nothing until :meth:`unpause` was called as often."""
        self._pauses += 1
        self._rings_changed()

    def unpause(self) -> None:
        self._pauses -= 1
        self._rings_changed()

    def disable_cpus(self, cpus: frozenset[int]) -> None:
        """``tracing_cpumask``: record nothing of these CPUs."""
        self.disabled_cpus = cpus
        self._rings_changed()

    def _rings_changed(self) -> None:
        records = self._tracing_on and not self._pauses
        self.rings[:] = [
            ring if records and ring.cpu not in self.disabled_cpus else None
            for ring in self.buffer.cpus
        ]

    def wake_readers(self) -> None:
        """ring_buffer_wake_waiters(): a blocked splice(2) of raw pages is to end."""
        self.wake_ups += 1
        self.tracing.readers.wake()

    def is_filled(self, ring: CpuBuffer) -> bool:
        """rb_watermark_hit(): poll(2) on a file of this CPU reports events."""
        percent = self.buffer_percent
        if not percent or (self.tracing.version.poll_wants_events and not ring.entries):
            return ring.entries > 0
        return ring.is_full_by(percent) and not (
            self.tracing.version.poll_wants_events and ring.is_read_while_written
        )

    def commit(self, ring: CpuBuffer | None, task: TaskLike, record: bytes, stamp: int) -> bool:
        """Record an event; False when it is refused."""
        if ring is None or not ring.write(stamp, record):
            return False
        self.tracing.recorded(task)
        return True

    def reserve(self, ring: CpuBuffer | None, record: bytes, stamp: int) -> Written | None:
        """Record an event that may yet be discarded; None when it is refused."""
        return ring.reserve(stamp, record) if ring is not None else None

    def record(self, task: TaskLike, record: bytes, stamp: int) -> bool:
        """Record an event of a task; False when it is refused."""
        return self.commit(self.rings[task.cpu], task, record, stamp)

    def record_stack(self, event: TraceEvent, task: TaskLike) -> None:
        """Record the kernel stack of a task at an event."""
        self.record(task, self.tracing.stack_record(event, task), self.clock.read())

    def record_stacks(self, event: TraceEvent, task: TaskLike) -> None:
        """Record the stacks that options stacktrace and userstacktrace add to an event."""
        if "stacktrace" in self.options:
            self.record_stack(event, task)
        if "userstacktrace" in self.options:
            stack = self.tracing.user_stack_record(task)
            if stack is not None:
                self.record(task, stack, self.clock.read())

    # -- buffers ---------------------------------------------------------------------------

    @property
    def _to_expand(self) -> TraceArray:
        """Whose buffers grow when this instance is going to be used."""
        return self.tracing.top if self.tracing.version.expands_top else self

    @property
    def expanded(self) -> bool:
        """The buffers have grown, have been given a size or could not grow."""
        return self._to_expand._expanded

    def expand(self) -> None:
        """tracing_update_buffers(): make room, for the instance is going to be used.

        Raises EBUSY, but only once, when the buffers can't grow now.
        """
        if not self.expanded:
            self._to_expand.resize(DEFAULT_SIZE, None)

    def resize(self, size: int, cpu: int | None) -> None:
        """Bytes for each CPU, or for one.

        Raises EBUSY while somebody looks at events in a buffer (at that of one CPU only if it
        would change), ENOMEM for more than this machine has.
        """
        self._to_expand._expanded = True
        rings = [
            ring
            for buffer in self._buffers()
            for ring in (buffer.cpus if cpu is None else [buffer.cpus[cpu]])
        ]
        for ring in rings:
            changes = cpu is None or pages_for(size, ring.data_size) != ring.page_count
            if ring.lookers and changes:
                raise refuse(errno.EBUSY)
        more = sum(pages_for(size, ring.data_size) - ring.page_count for ring in rings)
        if more > os.sysconf("SC_PHYS_PAGES"):
            raise refuse(errno.ENOMEM)
        for ring in rings:
            ring.resize(pages_for(size, ring.data_size))
            self.told_sizes[ring.cpu] = ring.size

    def set_subbuf_order(self, order: int) -> None:
        """Make sub-buffers of 2**order pages; EBUSY while somebody looks at events."""
        changing = [buffer for buffer in self._buffers() if buffer.order != order]
        if any(ring.lookers for buffer in changing for ring in buffer.cpus):
            raise refuse(errno.EBUSY)
        for buffer in changing:
            buffer.set_order(order)

    def _buffers(self) -> list[TraceBuffer]:
        return [self.buffer, *([self.snapshot_buffer] if self.snapshot_allocated else [])]

    def clear(self, cpu: int | None = None) -> None:
        """Empty the main buffer, of all CPUs or of one."""
        if cpu is None:
            self.buffer.reset(self.clock.read())
        else:
            self.buffer.cpus[cpu].reset()

    def free(self) -> None:
        """The free_buffer file was closed."""
        if "disable_on_free" in self.options:
            self.tracing_on = False
        with suppress(OSError):
            self.resize(MINIMAL_SIZE, None)

    # -- snapshots -------------------------------------------------------------------------

    def allocate_snapshot(self) -> None:
        """Give the snapshot buffer the sizes of the main one.

        Raises EBUSY while a file shows events of a ring that would change.
        """
        if not self.snapshot_allocated:
            self.snapshot_buffer.resize_like(self.buffer)
            self.snapshot_allocated = True

    def free_snapshot(self) -> None:
        """Empty the snapshot buffer, and make it small unless a file shows its events."""
        if self.snapshot_allocated:
            self.snapshot_allocated = False
            self.snapshot_buffer.reset(self.clock.read())
            with suppress(OSError):
                self.snapshot_buffer.resize(MINIMAL_SIZE)

    def take_snapshot(self) -> None:
        """Swap the rings of the main and the snapshot buffer."""
        assert self.snapshot_allocated, "take_snapshot() without a buffer"
        self.buffer.swap(self.snapshot_buffer)
        if self.tracing.version.snapshot_shows_all:
            self.snapshot_buffer.start = 0
        self._rings_changed()

    def write_snapshot(self, text: str, cpu: int | None = None) -> None:
        """``snapshot``: 0 frees, 1 takes one, any other number clears."""
        self.expand()
        value = number_written(text)
        if self.snapshot_users:
            raise refuse(errno.EBUSY)
        if value == 0:
            if cpu is not None:
                raise refuse(errno.EINVAL)
            self.free_snapshot()
        elif value == 1:
            if cpu is not None:  # a kernel that can swap single CPUs has a latency tracer
                raise refuse(errno.EINVAL)
            self.allocate_snapshot()
            self.take_snapshot()
        elif self.snapshot_allocated:
            if cpu is None:
                self.snapshot_buffer.reset(self.clock.read())
            else:
                self.snapshot_buffer.cpus[cpu].reset()

    # -- clock -----------------------------------------------------------------------------

    def set_clock(self, name: str) -> None:
        """Select a trace clock; times of different clocks don't mix, so the buffers are emptied."""
        self.clock.select(name)
        self._recompose()
        self.clear()
        if self.snapshot_allocated:
            self.snapshot_buffer.reset(self.clock.read())

    @property
    def filter_buffering(self) -> bool:
        """What a filter will drop never comes into the ring buffer."""
        return not self._unbuffered_users

    def set_filter_buffering(self, on: bool) -> None:
        """tracing_set_filter_buffering(): count those for whom it is off, who use time stamps."""
        self._unbuffered_users += -1 if on else 1

    # -- control ---------------------------------------------------------------------------

    def set_tracer(self, name: str) -> None:
        """``current_tracer``: there is only nop.

        Raises EINVAL for another, and EBUSY if the buffers can't grow now.
        """
        if not self.expanded:
            self.resize(DEFAULT_SIZE, None)
        if name.strip(BLANKS) != NOP:
            raise refuse(errno.EINVAL)

    def events_enabled(self, files: list[EventFile], on: bool) -> None:
        """Turn several events on or off."""
        for file in files:
            file.enable() if on else file.disable()

    def pids_changed(self) -> None:
        """set_event_pid or its negative has changed."""
        self._recompose()

    def following_pids(self) -> tuple[PidList, ...]:
        """The lists that children of listed processes join, and processes leave at their end."""
        return (
            *(self.pids.lists() if "event-fork" in self.options else ()),
            *(self.function_pids.lists() if "function-fork" in self.options else ()),
        )

    def _recompose(self) -> None:
        """Something that is compiled into what events do has changed."""
        for file in self.all_files():
            file.changed()

    def _option_changed(self, name: str, value: bool) -> None:
        if name == "overwrite":
            for buffer in (self.buffer, self.snapshot_buffer):
                buffer.set_overwrite(value)
        elif name == PRINTK_DEST:
            for array in self.tracing.arrays():
                if array is not self:
                    array.options.on.discard(name)
        elif name in ("stacktrace", "userstacktrace"):
            self._recompose()
        elif name in ("event-fork", "function-fork"):
            self.tracing.update_following()
        elif name in ("record-cmd", "record-tgid"):
            self.tracing.update_recording()

    @property
    def has_variables(self) -> bool:
        """Some histogram has variables or refers to some: each of those holds the instance."""
        histograms = [trigger.histogram for file in self.all_files() for trigger in file.hists]
        return any(histogram.variables or histogram.references for histogram in histograms)

    def remove(self) -> None:
        """Turn everything off before the instance goes."""
        for file in self.all_files():
            file.remove()
