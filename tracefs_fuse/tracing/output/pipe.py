"""What ``trace_pipe`` gives: the text of events, which leave the buffer.

Modelled after tracing_read_pipe() (kernel/trace/trace.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.line import line_of
from tracefs_fuse.tracing.ring_buffer import CpuBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray


class PipeText:
    """The text for one open trace_pipe.  Never waits."""

    def __init__(self, array: TraceArray, cpu: int | None) -> None:
        """cpu: whose events are consumed; of all when None."""
        self._array = array
        self._cpu = cpu
        self._latency = "latency-format" in array.options
        self._rest = b""

    def ready(self) -> bool:
        """poll(2) reports events; what a short read left of one does not count."""
        rings = self._rings()
        if self._cpu is not None:
            return self._array.is_filled(rings[0])
        return any(ring.entries for ring in rings)

    def _rings(self) -> list[CpuBuffer]:
        rings = self._array.buffer.cpus
        return rings if self._cpu is None else [rings[self._cpu]]

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes, none when there is nothing.

        Events are consumed until their text has that length, or fills the line buffer; what is
        left of the last one comes with the next read.
        """
        if not self._rest:
            self._rest = self._consumed(count)
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def _consumed(self, count: int) -> bytes:
        array = self._array
        buffer, rings = array.buffer, self._rings()
        size = array.tracing.version.line_buffer_size
        line = line_of(array, buffer.start, latency=self._latency)
        wanted = min(count, size - 1)
        texts: list[str] = []
        length = 0
        for number, entry in enumerate(buffer.unread(rings), 1):
            text = line(entry, number, entry.time_stamp)
            if texts and length + len(text) >= size:
                break
            buffer.cpus[entry.cpu].consume()
            texts.append(text)
            length += len(text)
            if length >= wanted:
                break
        return "".join(texts).encode("latin-1")
