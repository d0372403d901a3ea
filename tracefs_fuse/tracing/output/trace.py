"""The ``trace`` file: a header and the events, which stay in the buffer.

Modelled after tracing_open() and s_show() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.header import header_text
from tracefs_fuse.tracing.output.line import Line, line_of
from tracefs_fuse.tracing.ring_buffer import BufferIterator, CpuBuffer, Entry
from tracefs_fuse.tracing.trace_buffer import TraceBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_PLAIN_FORMATS = frozenset({"bin", "hex", "raw"})
"""Options whose formats have no line for the start of a CPU's buffer."""


class TraceText(Iterator[str]):
    """The file, line by line: the header, then the events.

    It goes on to events that come while it is read, and leaves out those that are overwritten; the
    event of the next line is settled with each line.  Behind the last event it ends, and goes on
    when it is asked again after others came.  Events older than the buffer's start, which a
    snapshot has brought back, are not shown.
    """

    def __init__(
        self,
        array: TraceArray,
        buffer: Callable[[], TraceBuffer],
        cpus: Sequence[CpuBuffer],
        *,
        latency: bool,
        help: Callable[[], str] | None = None,
    ) -> None:
        """buffer: the main or the snapshot buffer, whichever rings are in it at the moment.

        cpus: the rings whose events are shown, as the file was opened.
        latency: in the format that latency tracers have.
        help: makes what stands instead of the header when there are no events.
        """
        self._array = array
        self._buffer = buffer
        self._iterators = [iter(ring) for ring in cpus]
        self._latency = latency
        self._help = help
        self._entry: Entry | None = None
        self._number = 0
        """Events shown so far."""

        self._line: Line | None = None
        """None before the header."""

    def __next__(self) -> str:
        if self._line is None:
            header = self._header()
            self._entry = self._next_entry()
            return header
        if self._entry is None:
            self._entry = self._next_entry()
        entry = self._entry
        if entry is None:
            raise StopIteration
        self._entry = self._next_entry()
        until = entry if self._entry is None else self._entry
        text = self._starts.before(entry, self._number) + self._line(
            entry, self._number, until.time_stamp
        )
        self._number += 1
        return text

    def _header(self) -> str:
        array, buffer = self._array, self._buffer()
        self._line = line_of(array, buffer.start, latency=self._latency)
        self._starts = _BufferStarts(array, buffer)
        for iterator in self._iterators:
            buffer.skipped[iterator.cpu] = _skip_older(iterator, buffer.start)
        empty = all(iterator.peek() is None for iterator in self._iterators)
        if empty and self._help is not None:
            return self._help()
        return header_text(array, buffer, empty=empty, latency=self._latency)

    def _next_entry(self) -> Entry | None:
        """__find_next_entry(): the oldest of the next events, of the lowest CPU when equal.

        A CPU whose ring in the buffer is empty has none, even if another ring is shown.
        """
        rings = self._buffer().cpus
        oldest, chosen = None, self._iterators[0]
        for iterator in self._iterators:
            entry = iterator.peek() if rings[iterator.cpu].entries else None
            if entry is not None and (oldest is None or entry.time_stamp < oldest.time_stamp):
                oldest, chosen = entry, iterator
        if oldest is not None:
            chosen.advance()
        return oldest


def _skip_older(iterator: BufferIterator, start: int) -> int:
    """tracing_iter_reset(): go behind the events older than a time, and count them."""
    skipped = 0
    while (entry := iterator.peek()) is not None and entry.time_stamp < start:
        iterator.advance()
        skipped += 1
    return skipped


class _BufferStarts:
    """test_cpu_buff_start(): once events were lost, a line before the first event of each CPU."""

    def __init__(self, array: TraceArray, buffer: TraceBuffer) -> None:
        options = array.options
        plain = any(name in options for name in _PLAIN_FORMATS)
        wanted = "annotate" in options and buffer.overrun and not plain
        self._awaited = {ring.cpu for ring in buffer.cpus} if wanted else set()

    def before(self, entry: Entry, number: int) -> str:
        """The line; empty when there is none, as for the first two events."""
        if entry.cpu not in self._awaited:
            return ""
        self._awaited.discard(entry.cpu)
        return f"##### CPU {entry.cpu} buffer started ####\n" if number > 1 else ""
