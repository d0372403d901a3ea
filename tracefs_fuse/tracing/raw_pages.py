"""What ``trace_pipe_raw`` and ``snapshot_raw`` give: pages of one CPU, which leave the buffer.

Modelled after tracing_buffers_read() and tracing_buffers_splice_read() (kernel/trace/trace.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracefs_fuse.tracing.ring_buffer import CpuBuffer
    from tracefs_fuse.tracing.trace_array import TraceArray


class RawPages:
    """The pages for one open file.  Never waits."""

    def __init__(self, array: TraceArray, cpu: int, *, snapshot: bool) -> None:
        """snapshot: pages of the snapshot buffer."""
        self._array = array
        self._cpu = cpu
        self._snapshot = snapshot
        self._rest = b""
        """What was not yet read of the page that was taken last."""

    def _ring(self) -> CpuBuffer | None:
        array = self._array
        buffer = array.snapshot_buffer if self._snapshot else array.buffer
        return buffer.cpus[self._cpu] if buffer is not None else None

    @property
    def is_empty(self) -> bool:
        """No events are left; those of a page that was taken don't count."""
        ring = self._ring()
        return ring is None or not ring.entries

    @property
    def is_filled(self) -> bool:
        """As much of the buffer is filled as readers of whole pages wait for."""
        ring, percent = self._ring(), self._array.buffer_percent
        if ring is None or self.is_empty:
            return False
        return self._snapshot or (ring.dirty_pages + 1) * 100 >= percent * ring.page_count

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes of a page; none when no events are there, or none so small."""
        if not self._rest:
            ring = self._ring()
            self._rest = ring.read_page(count) or b"" if ring is not None else b""
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def read_full(self, count: int) -> bytes:
        """One whole page that was filled; none when there is no such."""
        ring = self._ring()
        return ring.read_page(count, full=True) or b"" if ring is not None else b""
