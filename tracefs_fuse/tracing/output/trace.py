"""The ``trace`` file: a header and the events, which stay in the buffer.

Modelled after tracing_open() and s_show() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.header import header_text
from tracefs_fuse.tracing.output.line import line_of
from tracefs_fuse.tracing.ring_buffer import BufferIterator, CpuBuffer, Entry
from tracefs_fuse.tracing.trace_buffer import TraceBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_PLAIN_FORMATS = frozenset({"bin", "hex", "raw"})
"""Options whose formats have no line for the start of a CPU's buffer."""


def trace_text(array: TraceArray, buffer: TraceBuffer, cpus: Sequence[CpuBuffer]) -> Iterator[str]:
    """The file, line by line.

    It goes on to events that come while it is read, and leaves out those that are overwritten; the
    event of the next line is settled with each line.
    """
    iterators = [iter(ring) for ring in cpus]
    entry = _next_entry(iterators)
    yield header_text(array, buffer, empty=entry is None)
    line = line_of(array, buffer.start, latency="latency-format" in array.options)
    starts = _BufferStarts(array, buffer)
    number = 0
    while entry is not None:
        following = _next_entry(iterators)
        until = entry if following is None else following
        yield starts.before(entry, number) + line(entry, number, until.time_stamp)
        entry = following
        number += 1


def _next_entry(iterators: Sequence[BufferIterator]) -> Entry | None:
    """The next event by time, of the lowest CPU when equal; None when no CPU has one now."""
    oldest, chosen = None, iterators[0]
    for iterator in iterators:
        entry = iterator.peek()
        if entry is not None and (oldest is None or entry.time_stamp < oldest.time_stamp):
            oldest, chosen = entry, iterator
    chosen.advance()
    return oldest


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
