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
        self._rest = self._spliced_rest = b""
        """What was not yet handed over of the pages that were taken last."""

    def ring(self) -> CpuBuffer:
        """Where the events are now."""
        array = self._array
        buffer = array.snapshot_buffer if self._snapshot else array.buffer
        return buffer.cpus[self._cpu]

    @property
    def is_empty(self) -> bool:
        """No events are left; those of a page that was taken don't count."""
        return not self.ring().entries

    def read(self, count: int) -> bytes:
        """At most ``count`` bytes of a page; none when no events are there, or none so small."""
        if not self._rest:
            self._rest = self._page(count, full=False)
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def splice(self, count: int) -> bytes:
        """At most ``count`` bytes of pages that were filled; none when there are no such."""
        if not self._spliced_rest:
            self._spliced_rest = self._page(self.ring().page_size, full=True)
        data, self._spliced_rest = self._spliced_rest[:count], self._spliced_rest[count:]
        return data

    def _page(self, count: int, *, full: bool) -> bytes:
        return self.ring().read_page(count, full=full) or b""
