"""Files whose readers wait for events: ``trace_pipe``, ``trace_pipe_raw``, ``snapshot_raw``.

Modelled after tracing_read_pipe(), tracing_wait_pipe(), tracing_buffers_read() and
tracing_buffers_splice_read() (kernel/trace/trace.c).
"""

from __future__ import annotations

import errno

from tracefs_fuse.files.node import READABLE, File, OpenFile, Request, Seeks
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.output import PipeText
from tracefs_fuse.tracing.raw_pages import RawPages
from tracefs_fuse.tracing.trace_array import TraceArray

TURN = 0.05
"""Seconds after which a waiting reader looks whether it was interrupted."""


_WAKE_READERS = 0
"""ioctl(2) command: have blocked readers look around."""

_ASKED_TWICE = 2
"""What can't be had at once is asked for twice: by reading ahead, and by reading the page."""


class _WaitingFile(OpenFile):
    """An open file whose reader may wait for events."""

    seeks = Seeks.NOWHERE

    def __init__(self, array: TraceArray) -> None:
        self._array = array

    def _wait(self, request: Request) -> None:
        """Let time go by; EINTR once a signal for the caller waits."""
        if request.interrupted():
            raise refuse(errno.EINTR)
        self._array.tracing.readers.wait(TURN)


class TracePipe(File):
    """``trace_pipe`` of all CPUs or of one; each CPU has one reader at a time."""

    def __init__(self, array: TraceArray, cpu: int | None = None) -> None:
        """cpu: whose events it shows; those of all when None."""
        super().__init__(0o440)
        self._array = array
        self._cpu = cpu
        self._cpus = set(range(array.tracing.cpu_count)) if cpu is None else {cpu}

    def open(self, request: Request, flags: int) -> OpenFile:
        if self._array.readers & self._cpus:
            raise refuse(errno.EBUSY)
        self._array.readers |= self._cpus
        return _OpenPipe(self._array, self._cpu, self._cpus)


class _OpenPipe(_WaitingFile):
    """Does not splice as a kernel's does, for FUSE takes a short answer for the end of the file."""

    def __init__(self, array: TraceArray, cpu: int | None, cpus: set[int]) -> None:
        super().__init__(array)
        self._cpus = cpus
        self._text = PipeText(array, cpu)
        self._has_read = False

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        waits = False
        while not (data := self._text.read(size)):
            if nonblock:
                raise refuse(errno.EAGAIN)
            ends = self._array.tracing.version.blocked_pipe_ends or not waits
            if ends and self._has_read and not self._array.tracing_on:
                return b""
            waits = True
            self._wait(request)
        self._has_read = True
        return data

    def events(self) -> int:
        return READABLE if self._text.ready() or "block" in self._array.options else 0

    def release(self) -> None:
        self._array.readers -= self._cpus


class RawPipe(File):
    """``trace_pipe_raw`` or ``snapshot_raw`` of one CPU; any number may read it."""

    endless = True

    def __init__(self, array: TraceArray, cpu: int, *, snapshot: bool = False) -> None:
        super().__init__(0o440)
        self._array = array
        self._cpu = cpu
        self._snapshot = snapshot

    def open(self, request: Request, flags: int) -> OpenFile:
        return _OpenRawPipe(self._array, self._cpu, snapshot=self._snapshot)


class _OpenRawPipe(_WaitingFile):
    splices = True

    def __init__(self, array: TraceArray, cpu: int, *, snapshot: bool) -> None:
        super().__init__(array)
        self._pages = RawPages(array, cpu, snapshot=snapshot)
        self._snapshot = snapshot
        self._ends = 0
        """How many of the next requests for splice(2) don't wait."""

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if request.splices:
            return self._splice(request, size, nonblock)
        while not (data := self._pages.read(size)) and self._pages.is_empty:
            if nonblock:
                raise refuse(errno.EAGAIN)
            self._wait(request)
        return data

    def _splice(self, request: Request, size: int, nonblock: bool) -> bytes:
        """A page that was filled.

        One splice(2) asks for one page after the other, and FUSE does not tell where it began: so
        what would wait right after a page ends it.  Where the kernel answers 0 there is EAGAIN as
        well, for FUSE takes a short answer for the end of the file.
        """
        wake_ups = self._array.wake_ups
        while not (data := self._pages.splice(size)):
            if nonblock or self._ends or self._array.wake_ups != wake_ups:
                self._ends = max(0, self._ends - 1)
                raise refuse(errno.EAGAIN)
            self._wait(request)
        self._ends = _ASKED_TWICE
        return data

    def ioctl(self, command: int) -> None:
        if command != _WAKE_READERS:
            raise refuse(errno.ENOTTY)
        self._array.wake_readers()

    def events(self) -> int:
        ring = self._pages.ring()
        if self._snapshot:
            return super().events()
        return READABLE if self._array.is_filled(ring) or "block" in self._array.options else 0
