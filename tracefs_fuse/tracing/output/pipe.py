"""What ``trace_pipe`` gives: the text of events, which leave the buffer.

Modelled after tracing_read_pipe() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.line import limited, line_of
from tracefs_fuse.tracing.ring_buffer import CpuBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray


class PipeText:
    """The text for one open trace_pipe.  Never waits."""

    def __init__(self, array: TraceArray, cpus: Sequence[int]) -> None:
        """cpus: those whose events are consumed."""
        self._array = array
        self._cpus = list(cpus)
        self._latency = "latency-format" in array.options
        self._rest = b""

    def ready(self) -> bool:
        """Events are there; what a short read left of one does not count."""
        return any(ring.entries for ring in self._rings())

    def _rings(self) -> list[CpuBuffer]:
        rings = self._array.buffer.cpus
        return [rings[cpu] for cpu in self._cpus]

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
        text = ""
        number = 1
        while len(text) < wanted and (oldest := buffer.oldest(rings)) is not None:
            ring, entry = oldest
            added = f"CPU:{ring.cpu} [LOST {entry.lost} EVENTS]\n" if entry.lost else ""
            added = limited(added + line(entry, number, entry.time_stamp), size)
            if text and len(text) + len(added) >= size:
                break
            ring.consume()
            text += added
            number += 1
        return text.encode("latin-1")
