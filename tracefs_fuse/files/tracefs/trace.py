"""``trace`` and ``snapshot``: who reads them looks at events in a buffer, which must stay as it is.

Modelled after tracing_open() and tracing_release() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tracefs_fuse.files.node import (
    OpenText,
    Seeks,
    Store,
    TextFile,
    Truncated,
    reads,
)
from tracefs_fuse.files.tracefs.text import command
from tracefs_fuse.tracing.output import snapshot_help_text, trace_text
from tracefs_fuse.tracing.ring_buffer import CpuBuffer
from tracefs_fuse.tracing.trace_array import TraceArray
from tracefs_fuse.tracing.trace_buffer import TraceBuffer

_MODE = 0o640


def trace_file(array: TraceArray, cpu: int | None) -> TextFile:
    """``trace`` of all CPUs or of one."""
    return _TraceFile(
        array,
        cpu,
        lambda: _text(array, array.buffer, cpu),
        command(lambda text: None),
        lambda request: array.clear(cpu),
        splices=True,
    )


def snapshot_file(array: TraceArray, cpu: int | None) -> TextFile:
    """``snapshot`` of all CPUs or of one."""

    def show() -> Iterator[str]:
        buffer = array.snapshot_buffer
        if buffer is None or not buffer.entries:
            return iter([snapshot_help_text(array, cpu is not None)])
        return _text(array, buffer, cpu)

    return _SnapshotFile(array, cpu, show, command(lambda text: array.write_snapshot(text, cpu)))


def _text(array: TraceArray, buffer: TraceBuffer, cpu: int | None) -> Iterator[str]:
    return trace_text(array, buffer, _rings(buffer, cpu))


def _rings(buffer: TraceBuffer, cpu: int | None) -> list[CpuBuffer]:
    return buffer.cpus if cpu is None else [buffer.cpus[cpu]]


class _LookingFile(TextFile):
    """What ``trace`` and ``snapshot`` have in common."""

    def __init__(
        self,
        array: TraceArray,
        cpu: int | None,
        show: Callable[[], Iterator[str]],
        store: Store,
        truncated: Truncated | None = None,
        *,
        splices: bool = False,
    ) -> None:
        super().__init__(
            _MODE,
            show,
            store,
            truncated,
            seeks=Seeks.READERS_NOT_TO_END,
            splices=splices,
        )
        self._array = array
        self._cpu = cpu

    def opened(self, flags: int) -> OpenText:
        return _OpenLooking(self, flags, self._look()) if reads(flags) else super().opened(flags)

    def _look(self) -> Callable[[], None]:
        """Keep the buffer as it is; returns what lets go of it."""
        raise NotImplementedError


class _OpenLooking(OpenText):
    def __init__(self, file: TextFile, flags: int, let_go: Callable[[], None]) -> None:
        super().__init__(file, flags)
        self._let_go = let_go

    def release(self) -> None:
        self._let_go()


def _look_at(rings: list[CpuBuffer]) -> Callable[[], None]:
    for ring in rings:
        ring.lookers += 1

    def let_go() -> None:
        for ring in rings:
            ring.lookers -= 1

    return let_go


class _TraceFile(_LookingFile):
    def _look(self) -> Callable[[], None]:
        let_go = _look_at(_rings(self._array.buffer, self._cpu))
        if "pause-on-trace" not in self._array.options:
            return let_go
        self._array.pause()

        def go_on() -> None:
            self._array.unpause()
            let_go()

        return go_on


class _SnapshotFile(_LookingFile):
    def _look(self) -> Callable[[], None]:
        array = self._array
        if array.snapshot_buffer is not None:
            return _look_at(_rings(array.snapshot_buffer, self._cpu))
        array.snapshot_lookers += 1

        def let_go() -> None:
            array.snapshot_lookers -= 1

        return let_go
