"""Files whose readers wait for events: ``trace_pipe``, ``trace_pipe_raw``, ``snapshot_raw``.

Modelled after tracing_read_pipe(), tracing_wait_pipe(), tracing_buffers_read() and
tracing_buffers_splice_read() (kernel/trace/trace.c).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from tracefs_fuse.files.node import READABLE, File, OpenFile, Request
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.output import PipeText
from tracefs_fuse.tracing.raw_pages import RawPages
from tracefs_fuse.tracing.trace_array import TraceArray

TURN = 0.05
"""Seconds after which a waiting reader looks whether it was interrupted."""


class _WaitingFile(OpenFile):
    """An open file whose reader may wait for events."""

    seekable = False

    def __init__(self, array: TraceArray) -> None:
        self._array = array

    def _wait(self, request: Request) -> None:
        """Let time go by; EINTR once a signal for the caller waits."""
        if request.interrupted():
            raise refuse(errno.EINTR)
        self._array.tracing.readers.wait(TURN)


class TracePipe(File):
    """``trace_pipe`` of all CPUs or of one; each CPU has one reader at a time."""

    def __init__(self, mode: int, array: TraceArray, cpus: Sequence[int]) -> None:
        super().__init__(mode)
        self._array = array
        self._cpus = frozenset(cpus)

    def open(self, request: Request, flags: int) -> OpenFile:
        if self._array.readers & self._cpus:
            raise refuse(errno.EBUSY)
        self._array.readers |= self._cpus
        return _OpenPipe(self._array, self._cpus)


class _OpenPipe(_WaitingFile):
    def __init__(self, array: TraceArray, cpus: frozenset[int]) -> None:
        super().__init__(array)
        self._cpus = cpus
        self._text = PipeText(array, sorted(cpus))
        self._has_read = False

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        while not (data := self._text.read(size)):
            if nonblock:
                raise refuse(errno.EAGAIN)
            if self._has_read and not self._array.tracing_on:
                return b""
            self._wait(request)
        self._has_read = True
        return data

    def events(self) -> int:
        return READABLE if self._text.ready() or "block" in self._array.options else 0

    def release(self) -> None:
        self._array.readers -= self._cpus


class RawPipe(File):
    """``trace_pipe_raw`` or ``snapshot_raw`` of one CPU."""

    def __init__(self, array: TraceArray, cpu: int, *, snapshot: bool = False) -> None:
        super().__init__(0o440)
        self._array = array
        self._pages: Callable[[], RawPages] = lambda: RawPages(array, cpu, snapshot=snapshot)

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenRawPipe(self._array, self._pages())


class _OpenRawPipe(_WaitingFile):
    def __init__(self, array: TraceArray, pages: RawPages) -> None:
        super().__init__(array)
        self._pages = pages

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if request.splices:
            return self._splice(request, size, nonblock)
        while not (data := self._pages.read(size)) and self._pages.is_empty:
            if nonblock:
                raise refuse(errno.EAGAIN)
            self._wait(request)
        return data

    def _splice(self, request: Request, size: int, nonblock: bool) -> bytes:
        """A page that was filled: whoever splices is only woken for such."""
        while not (data := self._pages.read_full(size)):
            if nonblock:
                raise refuse(errno.EAGAIN)
            self._wait(request)
        return data

    def events(self) -> int:
        return READABLE if self._pages.is_filled or "block" in self._array.options else 0
