"""``trace`` and ``snapshot``: who reads them looks at events in a buffer, which must stay as it is.

Modelled after tracing_open() and tracing_release() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Iterator

from tracefs_fuse.files.node import (
    OpenText,
    Seeks,
    Store,
    TextFile,
    Truncated,
    reads,
)
from tracefs_fuse.files.tracefs.text import command
from tracefs_fuse.tracing.output import TraceText, snapshot_help_text
from tracefs_fuse.tracing.trace_array import TraceArray
from tracefs_fuse.tracing.trace_buffer import TraceBuffer

_MODE = 0o640


def trace_file(array: TraceArray, cpu: int | None) -> TextFile:
    """``trace`` of all CPUs or of one."""
    return _TraceFile(
        array,
        cpu,
        command(lambda text: None),
        lambda request: array.clear(cpu),
        splices=True,
    )


def snapshot_file(array: TraceArray, cpu: int | None) -> TextFile:
    """``snapshot`` of all CPUs or of one."""
    return _SnapshotFile(array, cpu, command(lambda text: array.write_snapshot(text, cpu)))


class _LookingFile(TextFile):
    """What ``trace`` and ``snapshot`` have in common."""

    def __init__(
        self,
        array: TraceArray,
        cpu: int | None,
        store: Store,
        truncated: Truncated | None = None,
        *,
        splices: bool = False,
    ) -> None:
        super().__init__(
            _MODE,
            store=store,
            truncated=truncated,
            seeks=Seeks.READERS_NOT_TO_END,
            splices=splices,
        )
        self.array = array
        self.cpu = cpu

    def opened(self, flags: int) -> OpenText:
        return self._looking(flags) if reads(flags) else super().opened(flags)

    def _looking(self, flags: int) -> OpenText:
        raise NotImplementedError


class _OpenLooking(OpenText):
    """An open file that shows events without taking them.

    It shows the rings that its buffer had when it was opened, and keeps them at their size.

    Which rings the buffer has changes with each snapshot that is taken.
    """

    def __init__(self, file: _LookingFile, flags: int) -> None:
        super().__init__(file, flags)
        self._array, self._cpu = file.array, file.cpu
        rings = self._buffer().cpus
        self._rings = rings if self._cpu is None else [rings[self._cpu]]
        for ring in self._rings:
            ring.lookers += 1

    def _buffer(self) -> TraceBuffer:
        raise NotImplementedError

    def release(self) -> None:
        for ring in self._rings:
            ring.lookers -= 1


class _OpenTrace(_OpenLooking):
    def __init__(self, file: _LookingFile, flags: int) -> None:
        options = file.array.options
        super().__init__(file, flags)
        self._latency = "latency-format" in options
        self._pauses = "pause-on-trace" in options
        if self._pauses:
            self._array.pause()

    def _buffer(self) -> TraceBuffer:
        return self._array.buffer

    def show(self) -> Iterator[str]:
        return TraceText(self._array, self._buffer, self._rings, latency=self._latency)

    def release(self) -> None:
        if self._pauses:
            self._array.unpause()
        super().release()


class _OpenSnapshot(_OpenLooking):
    def _buffer(self) -> TraceBuffer:
        return self._array.snapshot_buffer

    def show(self) -> Iterator[str]:
        return TraceText(
            self._array,
            self._buffer,
            self._rings,
            latency=False,
            help=lambda: snapshot_help_text(self._array, per_cpu=self._cpu is not None),
        )


class _TraceFile(_LookingFile):
    def _looking(self, flags: int) -> OpenText:
        return _OpenTrace(self, flags)


class _SnapshotFile(_LookingFile):
    def _looking(self, flags: int) -> OpenText:
        return _OpenSnapshot(self, flags)
