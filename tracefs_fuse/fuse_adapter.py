"""Serving a tree of pseudo-files through fusepy.

Each request is made of the tree under the lab's lock, after virtual time has caught up.  A blocked
read gives the lock up while it waits, and ends when its caller gets a signal or the lab closes.

An error of ours never reaches the caller as such: it is logged with the request that met it, and
the caller gets EINVAL.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

import fuse

from tracefs_fuse.files.node import Directory, File, Node, OpenFile, Request, Symlink, refuse

log = logging.getLogger(__name__)

SUBTYPE = "tracefs-fuse"
_IN, _OUT, _RDNORM, _WRNORM = 0x1, 0x4, 0x40, 0x100
_READABLE, _WRITABLE = _IN | _RDNORM, _OUT | _WRNORM
_POLL_TURN = 0.05
_BLOCK_SIZE = 4096


class WaitQueueLike(Protocol):
    """Where blocked readers wait; see :class:`tracefs_fuse.tracing.wait_queue.WaitQueue`."""

    def wait(self, seconds: float) -> None: ...

    def wake(self) -> None: ...


class LabOperations:
    """The operations of a mount, over a tree."""

    use_ns = True

    def __init__(
        self,
        root: Directory,
        lock: threading.RLock,
        readers: WaitQueueLike,
        catch_up: Callable[[], None],
        started: Callable[[], None],
    ) -> None:
        """catch_up: lets virtual time go on, before each request.  started: the mount is served."""
        self._root = root
        self._lock = lock
        self._readers = readers
        self._catch_up = catch_up
        self._started = started
        self._open: dict[int, OpenFile] = {}
        self._handles = itertools.count(1)
        self._pollers: dict[int, ctypes.c_void_p] = {}
        self._poll_thread: threading.Thread | None = None
        self._closing = False
        self._owner = os.getuid(), os.getgid()
        self._mounted_at = time.time_ns()

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make one request of the tree (fusepy calls this for each)."""
        try:
            with self._lock:
                self._catch_up()
                return getattr(self, operation)(*arguments)
        except OSError:
            raise
        except Exception:
            log.exception("in %s%r", operation, arguments)
            raise refuse(errno.EINVAL) from None

    def close(self) -> None:
        """Let blocked readers end: the mount goes."""
        self._closing = True

    # -- the mount -------------------------------------------------------------------------

    def init(self, path: str) -> None:
        self._started()

    def destroy(self, path: str) -> None:
        self.close()

    # -- nodes -----------------------------------------------------------------------------

    def _node(self, path: str) -> Node:
        node: Node = self._root
        for name in path.split("/"):
            if name:
                found = node.lookup(name) if isinstance(node, Directory) else None
                if found is None:
                    raise refuse(errno.ENOENT)
                node = found
        return node

    def _parent(self, path: str) -> tuple[Directory, str]:
        head, _, name = path.rpartition("/")
        parent = self._node(head)
        if not isinstance(parent, Directory):
            raise refuse(errno.ENOTDIR)
        return parent, name

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        node = self._node(path)
        uid, gid = node.owner or self._owner
        return {
            "st_mode": _kind(node) | node.mode,
            "st_nlink": 2 if isinstance(node, Directory) else 1,
            "st_size": len(node.target) if isinstance(node, Symlink) else node.size,
            "st_blksize": _BLOCK_SIZE,
            "st_uid": uid,
            "st_gid": gid,
            **dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._mounted_at),
        }

    def readdir(self, path: str, fh: Any) -> Iterator[tuple[str, dict[str, int], int]]:
        node = self._node(path)
        if not isinstance(node, Directory):
            raise refuse(errno.ENOTDIR)
        entries = [(name, {"st_mode": _kind(child)}, 0) for name, child in node.children().items()]
        dots = [(name, {"st_mode": stat.S_IFDIR}, 0) for name in (".", "..")]
        return iter([*dots, *entries])

    def readlink(self, path: str) -> str:
        node = self._node(path)
        if not isinstance(node, Symlink):
            raise refuse(errno.EINVAL)
        return node.target

    def mkdir(self, path: str, mode: int) -> None:
        parent, name = self._parent(path)
        parent.mkdir(name)

    def rmdir(self, path: str) -> None:
        parent, name = self._parent(path)
        parent.rmdir(name)

    def chmod(self, path: str, mode: int) -> None:
        self._node(path).mode = stat.S_IMODE(mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        node = self._node(path)
        old_uid, old_gid = node.owner or self._owner
        unchanged = ctypes.c_uint32(-1).value
        node.owner = (old_uid if uid == unchanged else uid, old_gid if gid == unchanged else gid)

    def utimens(self, path: str, times: Any = None) -> None:
        """Times are those of the mount, whatever is asked."""

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        """A pseudo-file has no length to cut; only opening with O_TRUNC means something."""

    # -- open files ------------------------------------------------------------------------

    def open(self, path: str, fi: Any) -> int:
        node = self._node(path)
        if not isinstance(node, File):
            raise refuse(errno.EISDIR)
        opened = node.open(self._request(), fi.flags)
        fi.fh = next(self._handles)
        self._open[fi.fh] = opened
        return 0

    def read(self, path: str, size: int, offset: int, fi: Any) -> bytes:
        nonblock = bool(fi.flags & os.O_NONBLOCK)
        return self._open[fi.fh].read(self._request(), size, offset, nonblock)

    def write(self, path: str, data: bytes, offset: int, fi: Any) -> int:
        return self._open[fi.fh].write(self._request(), data, offset)

    def release(self, path: str, fi: Any) -> None:
        self._forget_poller(fi.fh)
        self._open.pop(fi.fh).release()

    def fsync(self, path: str, datasync: int, fi: Any) -> None:
        raise refuse(errno.EINVAL)

    def _request(self) -> Request:
        uid, gid, pid = fuse.fuse_get_context()
        thread = threading.get_ident()
        return Request(pid, uid, gid, partial(self._interrupted, thread))

    def _interrupted(self, thread: int) -> bool:
        if self._closing:
            return True
        if thread != threading.get_ident():  # libfuse knows only of the thread's own request
            return False
        session = ctypes.c_void_p(fuse._libfuse.fuse_get_context().contents.fuse)
        return bool(fuse._libfuse.fuse_interrupted() or fuse._libfuse.fuse_exited(session))

    # -- poll ------------------------------------------------------------------------------

    def poll(self, path: str, fi: Any, handle: int | None) -> int:
        """Events that are there; with a handle the caller wants to hear of later ones."""
        opened = self._open[fi.fh]
        if not opened.pollable:
            return _READABLE | _WRITABLE
        if handle:
            self._forget_poller(fi.fh)
            self._pollers[fi.fh] = ctypes.c_void_p(handle)
            self._start_poll_thread()
        return _READABLE if opened.ready() else 0

    def _forget_poller(self, fh: int) -> None:
        handle = self._pollers.pop(fh, None)
        if handle is not None:
            fuse._libfuse.fuse_pollhandle_destroy(handle)

    def _start_poll_thread(self) -> None:
        if self._poll_thread is None:
            self._poll_thread = threading.Thread(target=self._watch_polled, daemon=True)
            self._poll_thread.start()

    def _watch_polled(self) -> None:
        """Wake those who poll once there is something to read."""
        while not self._closing:
            with self._lock:
                for fh in [fh for fh in self._pollers if self._open[fh].ready()]:
                    fuse._libfuse.fuse_notify_poll(self._pollers[fh])
                    self._forget_poller(fh)
                self._readers.wait(_POLL_TURN if self._pollers else 1)

    # -- refused ---------------------------------------------------------------------------

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        raise refuse(errno.EACCES)

    def _refuse(self, *arguments: Any) -> None:
        raise refuse(errno.EPERM)

    mknod = unlink = rename = symlink = link = _refuse

    def _no_xattr(self, *arguments: Any) -> None:
        raise refuse(errno.EOPNOTSUPP)

    setxattr = getxattr = removexattr = _no_xattr

    def listxattr(self, path: str) -> list[str]:
        return []


def _kind(node: Node) -> int:
    if isinstance(node, Directory):
        return stat.S_IFDIR
    return stat.S_IFLNK if isinstance(node, Symlink) else stat.S_IFREG


_POLL = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.POINTER(fuse.fuse_file_info),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint),
)


class _OperationsWithPoll(ctypes.Structure):
    """fusepy's table of operations ends before poll; libfuse's next entry is that."""

    _fields_ = [*fuse.fuse_operations._fields_, ("poll", _POLL)]  # noqa: RUF012


class _PollingFUSE(fuse.FUSE):  # type: ignore[misc]
    def poll(self, path: bytes, fi: Any, handle: int | None, events: Any) -> int:
        events[0] = self.operations("poll", path.decode(self.encoding), fi.contents, handle)
        return 0


def serve(operations: LabOperations, mount_point: str, source: str) -> None:
    """Mount and serve until unmounted or told to end by a signal.

    source: what /proc/mounts shows as the device.  Raises RuntimeError when mounting fails.
    """
    fuse.fuse_operations = _OperationsWithPoll
    fuse._libfuse.fuse_pollhandle_destroy.argtypes = [ctypes.c_void_p]
    fuse._libfuse.fuse_notify_poll.argtypes = [ctypes.c_void_p]
    _PollingFUSE(
        operations,
        os.fsencode(mount_point).decode("latin-1"),
        raw_fi=True,
        encoding="latin-1",
        foreground=True,
        fsname=source,
        subtype=SUBTYPE,
        direct_io=True,
        atomic_o_trunc=True,
        big_writes=True,
        max_write=131072,
        default_permissions=True,
        attr_timeout=0,
        entry_timeout=0,
    )
