"""Files whose readers wait for events: ``trace_pipe``.

Modelled after tracing_read_pipe() and tracing_wait_pipe() (kernel/trace/trace.c).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from tracefs_fuse.files.node import READABLE, File, OpenFile, Request
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.output import PipeText
from tracefs_fuse.tracing.trace_array import TraceArray

TURN = 0.05
"""Seconds after which a waiting reader looks whether it was interrupted."""


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


class _OpenPipe(OpenFile):
    seekable = False

    def __init__(self, array: TraceArray, cpus: frozenset[int]) -> None:
        self._array = array
        self._cpus = cpus
        self._text = PipeText(array, sorted(cpus))
        self._has_read = False

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        tracing = self._array.tracing
        while not (data := self._text.read(size)):
            if nonblock:
                raise refuse(errno.EAGAIN)
            if self._has_read and not self._array.tracing_on:
                return b""
            if request.interrupted():
                raise refuse(errno.EINTR)
            tracing.readers.wait(TURN)
        self._has_read = True
        return data

    def events(self) -> int:
        return READABLE if self._text.ready() or "block" in self._array.options else 0

    def release(self) -> None:
        self._array.readers -= self._cpus
