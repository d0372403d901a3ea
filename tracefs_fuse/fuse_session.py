"""A mount and the threads that serve it, in the place of libfuse's own main loop.

fusepy hands its table of operations to ``fuse_main_real``.  Here a loop over libfuse's session
takes that call over, for three reasons.

The table is longer by ``poll``, which fusepy does not know.

The operations can ask which request they are called for.  libfuse makes LOOKUP and GETATTR the
same call, but a kernel from 6.5 on reads a file for sendfile(2) (busybox's ``cat``) only as far as
the last size it heard, which is LOOKUP's when a file is opened, and GETATTR's in stat(2).  With
``default_permissions`` each open would send a GETATTR too, so permissions are checked here.

A signal ends the lab in a known order: blocked readers first, then the mount, then the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import fuse

LOOKUP, GETATTR = 1, 3
"""Opcodes of requests that resolve a name and that ask for what stat shows.

See include/uapi/linux/fuse.h: enum fuse_opcode.
"""

_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
_U32 = ctypes.c_uint32
_OPCODE_OFFSET = 4
_POLL_EVENTS_OFFSET = 60
"""Of struct fuse_poll_in behind the header of a request."""

_SETATTR_VALID_OFFSET = 40
_TIMES_NOW = 1 << 7 | 1 << 8
"""Of struct fuse_setattr_in: what is to be set, and the flags of both times."""

_READ_FLAGS_OFFSET = 60
_READ_LOCKOWNER = 1 << 1
"""Of struct fuse_read_in: the flag of a read on behalf of an open file's reader, which a read into
the page cache is not."""

_MAX_IDLE = 4
_PATIENCE = 1.0
"""Seconds given to requests under way when the lab ends."""

_LOOK = 0.01
"""Seconds between looks whether they are done."""

_current = threading.local()

_lib = fuse._libfuse
_lib.fuse_setup.restype = ctypes.c_void_p
_lib.fuse_setup.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_char_p),
    ctypes.POINTER(ctypes.c_int),
    ctypes.c_void_p,
]
_lib.fuse_get_session.restype = ctypes.c_void_p
_lib.fuse_get_session.argtypes = [ctypes.c_void_p]
_lib.fuse_session_next_chan.restype = ctypes.c_void_p
_lib.fuse_session_next_chan.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_lib.fuse_session_process.restype = None
_lib.fuse_session_process.argtypes = [
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_void_p,
]
_lib.fuse_chan_bufsize.restype = ctypes.c_size_t
_lib.fuse_chan_bufsize.argtypes = [ctypes.c_void_p]
_lib.fuse_chan_recv.argtypes = [
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_char_p,
    ctypes.c_size_t,
]
_lib.fuse_pollhandle_destroy.argtypes = [ctypes.c_void_p]
_lib.fuse_notify_poll.argtypes = [ctypes.c_void_p]


def opcode() -> int:
    """What the kernel asked for in the request that this thread serves."""
    return _U32.from_buffer(_current.request, _OPCODE_OFFSET).value


def poll_events() -> int:
    """The events that the caller of poll(2) asks for."""
    return _U32.from_buffer(_current.request, _POLL_EVENTS_OFFSET).value


def sets_times_to_now() -> bool:
    """The request that this thread serves is a utimensat(2) without times."""
    valid: int = _U32.from_buffer(_current.request, _SETATTR_VALID_OFFSET).value
    return valid & _TIMES_NOW == _TIMES_NOW


def fills_page_cache() -> bool:
    """The request that this thread serves is a read for splice(2) or sendfile(2)."""
    return not _U32.from_buffer(_current.request, _READ_FLAGS_OFFSET).value & _READ_LOCKOWNER


def interrupted() -> bool:
    """A signal waits for the caller of the request that this thread serves."""
    return bool(_lib.fuse_interrupted())


def let_others_serve() -> None:
    """The request that this thread serves is about to wait: the next ones are not to wait too.

    Raises RuntimeError when no thread is to be had that serves them.
    """
    _current.workers.let_others_serve()


class PollHandle:
    """Somebody who sleeps in poll(2) until told."""

    def __init__(self, address: int) -> None:
        self._handle = ctypes.c_void_p(address)

    def notify(self) -> None:
        _lib.fuse_notify_poll(self._handle)

    def destroy(self) -> None:
        _lib.fuse_pollhandle_destroy(self._handle)


class Operations(Protocol):
    """What serves the requests: called with the operation's name and its arguments."""

    def __call__(self, operation: str, *arguments: Any) -> Any: ...

    def close(self) -> None:
        """Let blocked requests end: the mount goes."""


def serve(
    operations: Operations, mount_point: str, unmount: Callable[[], None], **options: Any
) -> None:
    """Mount, and serve until unmounted or told to end by a signal.

    ``unmount`` takes the mount out of the tree.  Raises RuntimeError when mounting fails.
    """

    # those that nohup(1) or a shell has ignored end nothing; SIGTERM is also what ends the loop
    ignored = {one for one in _ENDING if signal.getsignal(one) == signal.SIG_IGN}
    ending = _ENDING - ignored | {signal.SIGTERM}

    def main(count: int, arguments: Any, table: Any, size: int, data: None) -> int:
        return _main(count, arguments, table, size, operations, unmount, ending)

    fuse.fuse_operations = _OperationsWithPoll
    _lib.fuse_main_real = main
    _PollingFUSE(
        operations,
        os.fsencode(mount_point).decode("latin-1"),
        raw_fi=True,
        encoding="latin-1",
        foreground=True,
        **options,
    )


def _main(
    count: int,
    arguments: Any,
    table: Any,
    size: int,
    operations: Operations,
    unmount: Callable[[], None],
    ending: set[signal.Signals],
) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    mount_point, threaded = ctypes.c_char_p(), ctypes.c_int()
    served = _lib.fuse_setup(
        count, arguments, table, size, ctypes.byref(mount_point), ctypes.byref(threaded), None
    )
    if not served:
        return 1
    workers = _Workers(_lib.fuse_get_session(served))
    workers.start()
    signal.sigwait(ending)
    operations.close()
    workers.wait_until_idle()
    unmount()
    return 0


class _Workers:
    """Threads that take turns: one receives requests and serves them, until one has to wait.

    So requests are served in the order in which they came.  Programs notice: close(2) returns
    before the lab has heard of it, and what they ask for next must find the file closed.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._channel = _lib.fuse_session_next_chan(session, None)
        self._turn = threading.Lock()
        self._idle: set[int] = set()
        """Threads that want a turn."""

        self._serving: set[int] = set()
        """Threads with a request under way."""

    def start(self) -> None:
        """Have one more thread; RuntimeError when there is none to be had."""
        threading.Thread(target=self._run, daemon=True).start()

    def wait_until_idle(self) -> None:
        limit = time.monotonic() + _PATIENCE
        while self._serving and time.monotonic() < limit:
            time.sleep(_LOOK)

    def let_others_serve(self) -> None:
        """End this thread's turn, or raise RuntimeError when there is nobody to take the next."""
        if _current.has_turn:
            if not self._idle:
                self.start()
            _current.has_turn = False
            self._turn.release()

    def _run(self) -> None:
        thread = threading.get_ident()
        size = _lib.fuse_chan_bufsize(self._channel)
        _current.request = buffer = ctypes.create_string_buffer(size)
        _current.workers = self
        while len(self._idle) < _MAX_IDLE:
            self._idle.add(thread)
            self._turn.acquire()
            self._idle.discard(thread)
            _current.has_turn = True
            while _current.has_turn:
                channel = ctypes.c_void_p(self._channel)
                length = _lib.fuse_chan_recv(ctypes.byref(channel), buffer, size)
                if length in (-errno.EINTR, -errno.EAGAIN):
                    continue
                if length <= 0:  # unmounted
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
                    return
                self._serving.add(thread)
                _lib.fuse_session_process(self._session, buffer, length, channel)
                self._serving.discard(thread)


class _OperationsWithPoll(ctypes.Structure):
    """fusepy's table of operations ends before poll; libfuse's next entry is that."""

    _fields_ = [
        *fuse.fuse_operations._fields_,
        (
            "poll",
            ctypes.CFUNCTYPE(
                ctypes.c_int,
                ctypes.c_char_p,
                ctypes.POINTER(fuse.fuse_file_info),
                ctypes.c_void_p,
                ctypes.POINTER(ctypes.c_uint),
            ),
        ),
    ]


class _PollingFUSE(fuse.FUSE):  # type: ignore[misc]
    def poll(self, path: bytes, fi: Any, handle: int | None, events: Any) -> int:
        waiter = PollHandle(handle) if handle else None
        events[0] = self.operations("poll", path.decode(self.encoding), fi.contents, waiter)
        return 0
