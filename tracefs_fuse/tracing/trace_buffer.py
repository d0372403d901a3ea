"""The ring buffers of all CPUs together.

Modelled after struct trace_buffer (kernel/trace/ring_buffer.c) and struct array_buffer, which has
one (kernel/trace/trace.h).
"""

from __future__ import annotations

import errno
import heapq
from collections.abc import Iterator, Sequence
from operator import attrgetter

from tracefs_fuse.tracing.buffer_page import PAGE_HEADER_SIZE, PAGE_SIZE
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.ring_buffer import CpuBuffer, Entry

_MIN_PAGES = 2
_TIME_STAMP = attrgetter("time_stamp")


def pages_for(size: int, data_size: int) -> int:
    """Pages that hold ``size`` bytes, counted in 64 bits; never fewer than two."""
    return max(_MIN_PAGES, (size + data_size - 1) % (1 << 64) // data_size)


class TraceBuffer:
    """The ring buffers of all CPUs of one instance."""

    def __init__(self, cpus: int, size: int, *, overwrite: bool = True) -> None:
        """size: bytes for each CPU."""
        pages = pages_for(size, PAGE_SIZE - PAGE_HEADER_SIZE)
        self.cpus = [CpuBuffer(cpu, pages, overwrite=overwrite) for cpu in range(cpus)]
        self.order = 0
        """Sub-buffers are 2**order memory pages."""

        self.start = 0
        """Trace clock when the buffer was last emptied: array_buffer.time_start."""

        self.skipped = [0] * cpus
        """By CPU, events older than :attr:`start`, as they were last counted."""

    def swap(self, other: TraceBuffer) -> None:
        """Swap the rings with another buffer's; each keeps its start and its counts of skipped."""
        self.cpus, other.cpus = other.cpus, self.cpus
        self.order, other.order = other.order, self.order

    def resize_like(self, other: TraceBuffer) -> None:
        """Take on the sizes of another buffer; EBUSY while events of a ring that changes are shown.

        Modelled after resize_buffer_duplicate_size() (kernel/trace/trace.c).
        """
        pairs = list(zip(self.cpus, other.cpus, strict=True))
        if any(
            ours.lookers and (ours.page_count, ours.data_size) != (its.page_count, its.data_size)
            for ours, its in pairs
        ):
            raise refuse(errno.EBUSY)
        self.order = other.order
        for ours, its in pairs:
            ours.data_size, ours.overwrite = its.data_size, its.overwrite
            ours.resize(its.page_count)

    def resize(self, size: int) -> None:
        """Bytes for each CPU; EBUSY while events of some are shown."""
        if any(ring.lookers for ring in self.cpus):
            raise refuse(errno.EBUSY)
        for ring in self.cpus:
            ring.resize(pages_for(size, ring.data_size))

    @property
    def overrun(self) -> int:
        return sum(buffer.overrun for buffer in self.cpus)

    def total_entries(self) -> tuple[int, int]:
        """Events that are in the buffer and events that were written, of all CPUs.

        A CPU with skipped events counts only those behind them.  Both are unsigned 64-bit
        numbers.  Modelled after get_total_entries() (kernel/trace/trace.c).
        """
        entries = written = 0
        for ring, skipped in zip(self.cpus, self.skipped, strict=True):
            entries += ring.entries - skipped
            written += ring.entries - skipped if skipped else ring.entries + ring.overrun
        return entries % (1 << 64), written % (1 << 64)

    def unread(self, cpus: Sequence[CpuBuffer]) -> Iterator[Entry]:
        """The events of these CPUs, oldest first, for a reader that consumes each."""
        return heapq.merge(*(iter(ring.peek, None) for ring in cpus), key=_TIME_STAMP)

    def reset(self, now: int) -> None:
        """Empty all CPUs' buffers; now: reading of the trace clock."""
        self.start = now
        for buffer in self.cpus:
            buffer.reset()

    def set_overwrite(self, on: bool) -> None:
        for buffer in self.cpus:
            buffer.overwrite = on

    def set_order(self, order: int) -> None:
        """Change the size of sub-buffers; drops all content, keeps about the total size."""
        data_size = (PAGE_SIZE << order) - PAGE_HEADER_SIZE
        for buffer in self.cpus:
            buffer.reset()
            buffer.page_count = pages_for(buffer.size, data_size)
            buffer.data_size = data_size
        self.order = order
