"""Serving a tree of pseudo-files through fusepy.

Each request is made of the tree under the lab's lock, after virtual time has caught up.  A blocked
read gives the lock up while it waits, and ends when its caller gets a signal or the lab closes.

An error of ours never reaches the caller as such: it is logged with the request that met it, and
the caller gets EINVAL.

How writes arrive: one write(2) of up to 124 KiB is one call of the file's ``write``.  The kernel
cuts larger ones; where depends on how the caller's buffer lies in its pages.

What has no method here is answered by the kernel itself from the second time on: no values of
extended attributes (EOPNOTSUPP), no work at close.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import fuse

from tracefs_fuse import fuse_session
from tracefs_fuse.files.node import (
    READABLE,
    WRITABLE,
    Directory,
    File,
    FileSystem,
    Node,
    OpenFile,
    Request,
    Seeks,
    Symlink,
)
from tracefs_fuse.files.permission import Owner, check_permission, check_setattr
from tracefs_fuse.pollers import Pollers, WaitQueueLike
from tracefs_fuse.request_log import described
from tracefs_fuse.tracing.numbers import refuse

log = logging.getLogger(__name__)

SUBTYPE = "tracefs-fuse"
_WANTED = (os.R_OK, os.W_OK, os.R_OK | os.W_OK, os.R_OK | os.W_OK)
"""What an access mode of open(2) asks for; the last is for ioctl(2) alone."""

_INODE_BYTES = 6
_UNCHANGED = -1
"""What chown(2) passes for an owner that stays: fusepy makes it -1."""

_LONGEST_LOGGED = 4096
"""Bytes of a write that met an error of ours: as many as tell how to have it again."""

_MAX_WRITE = 128 * 1024
_READABLE_SIZE = 1 << 30
"""How far sendfile(2) may read a file, whatever size stat(2) shows; see fuse_session."""

_ENDLESS_SIZE = 1 << 62
_MORE_SIZE = 64 * 1024
"""Bytes that stat(2) adds to the offset of a process that has read a file to its end.  GNU tail -f
takes a size below its place for a file that was cut, and on FUSE reads no further than the size."""


_NO_FILE_SYSTEM = FileSystem()
"""What the folders above those of the kernel's file systems belong to."""


class _Found(NamedTuple):
    """A node, and what it has of the folders above."""

    node: Node
    filesystem: FileSystem
    owner: Owner


class PaceLike(Protocol):
    """Virtual time; called with the lock held.  See :class:`tracefs_fuse.cli.pace.Pace`."""

    def catch_up(self) -> None:
        """Before a request: let virtual time go on to now."""

    def settle(self) -> None:
        """After a request: it may have changed what falls due next."""


class LabOperations:
    """The operations of a mount, over a tree."""

    use_ns = True

    def __init__(
        self,
        root: Directory,
        lock: threading.RLock,
        readers: WaitQueueLike,
        pace: PaceLike,
        started: Callable[[], None],
    ) -> None:
        """Serve ``root``; ``started`` is called once the mount is there."""
        self._root = root
        self._lock = lock
        self._pace = pace
        self._started = started
        self._open: dict[int, OpenFile] = {}
        self._held: dict[int, str] = {}
        """Paths of the open files that hold their folders."""

        self._ends: dict[int, tuple[int, str, int]] = {}
        """Process, path and offset of open files that were read to their end, by handle."""

        self._handles = itertools.count(1)
        self._pollers = Pollers(lock, readers, self._events)
        self._closing = False
        self._owner = os.getuid(), os.getgid()
        self._mounted_at = time.time_ns()

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """Make one request of the tree (fusepy calls this for each)."""
        if operation == "init":  # of no tree: whoever waits for the lab is told, whatever time does
            return self.init(*arguments)
        try:
            with self._lock:
                self._pace.catch_up()
                try:
                    return getattr(self, operation)(*arguments)
                finally:
                    self._pace.settle()
        except OSError as error:
            if self._closing and error.errno == errno.EINTR:
                raise refuse(errno.ENODEV) from None
            raise
        except Exception:
            log.exception("%s failed", described(operation, arguments, _LONGEST_LOGGED))
            raise refuse(errno.EINVAL) from None

    def close(self) -> None:
        """Let blocked readers end: the mount goes."""
        self._closing = True
        self._pollers.close()

    # -- the mount -------------------------------------------------------------------------

    def init(self, path: str) -> None:
        self._started()

    # -- nodes -----------------------------------------------------------------------------

    def _find(self, path: str, request: Request) -> _Found:
        """Look a node up.  May raise EACCES, ENAMETOOLONG, ENOENT or ENOTDIR."""
        node: Node = self._root
        filesystem, owner = _NO_FILE_SYSTEM, self._owner
        for name in path[1:].split("/") if path != "/" else ():
            if not isinstance(node, Directory):
                raise refuse(errno.ENOTDIR)
            filesystem = node.filesystem or filesystem
            owner = self._default_owner(node, owner)
            check_permission(node, node.owner or owner, request, os.X_OK)
            if filesystem.name_limit is not None and len(name) > filesystem.name_limit:
                raise refuse(errno.ENAMETOOLONG)
            found = node.find(name, request)
            if found is None:
                raise refuse(errno.ENOENT)
            node = found
        if isinstance(node, Directory):
            filesystem = node.filesystem or filesystem
            owner = self._default_owner(node, owner)
        return _Found(node, filesystem, node.owner or owner)

    def _default_owner(self, folder: Directory, above: Owner) -> Owner:
        if folder.default_owner is None:
            return above
        return folder.default_owner() or self._owner

    def _directory(self, path: str, request: Request, wanted: int = 0) -> Directory:
        """A folder with which the caller may do what is wanted."""
        found = self._find(path, request)
        if not isinstance(found.node, Directory):
            raise refuse(errno.ENOTDIR)
        self._check(found, request, wanted)
        return found.node

    def _parent(self, path: str, *, new: bool = False) -> tuple[Directory, str, FileSystem]:
        """The folder in which the caller may change entries, the entry's name, its file system.

        new: the entry is to be made, which some file systems know at once that they won't.
        """
        request = self._request()
        head, _, name = path.rpartition("/")
        found = self._find(head or "/", request)
        if not isinstance(found.node, Directory):
            raise refuse(errno.ENOTDIR)
        if new and not found.filesystem.finds_new:
            raise refuse(errno.ENOENT)
        self._check(found, request, os.W_OK | os.X_OK)
        return found.node, name, found.filesystem

    def _check(self, found: _Found, request: Request, wanted: int) -> None:
        check_permission(found.node, found.owner, request, wanted)

    def access(self, path: str, wanted: int) -> None:
        request = self._request()
        self._check(self._find(path, request), request, wanted)

    def getattr(self, path: str, fh: Any = None) -> dict[str, Any]:
        """What stat shows.  Of what is asked about an open file, only lseek(2) is a GETATTR."""
        seeks_end = fh is not None and fuse_session.opcode() == fuse_session.GETATTR
        if seeks_end and self._open[fh.fh].seeks is Seeks.NOT_TO_END:
            raise refuse(errno.EINVAL)
        node, filesystem, (uid, gid) = self._find(path, self._request())
        accessed, changed = node.times or (self._mounted_at, self._mounted_at)
        return {
            "st_ino": _inode_number(path),
            "st_mode": _kind(node) | node.mode,
            "st_nlink": node.links if isinstance(node, Directory) else 1,
            "st_size": self._size(node, path),
            "st_blksize": filesystem.block_size,
            "st_uid": uid,
            "st_gid": gid,
            "st_atime": accessed,
            "st_mtime": changed,
            "st_ctime": self._mounted_at,
        }

    def _size(self, node: Node, path: str) -> int:
        if not isinstance(node, File):
            return node.size
        looked_up = fuse_session.opcode() == fuse_session.LOOKUP
        if node.endless and (looked_up or path in self._held.values()):
            return _ENDLESS_SIZE
        if looked_up:
            return max(node.size, _READABLE_SIZE)
        reader = self._request().pid, path
        places = [place for *ended, place in self._ends.values() if tuple(ended) == reader]
        return max(node.size, *(place + _MORE_SIZE for place in places if place > node.size), 0)

    def opendir(self, path: str) -> int:
        request = self._request()
        self._directory(path, request, os.R_OK)
        return 0

    def readdir(self, path: str, fh: Any) -> Iterator[tuple[str, dict[str, int], int]]:
        node = self._directory(path, self._request())
        prefix = path.rstrip("/") + "/"
        parent = prefix.rstrip("/").rpartition("/")[0] or "/"
        dots = [(".", path, stat.S_IFDIR), ("..", parent, stat.S_IFDIR)]
        entries = [(name, prefix + name, _kind(child)) for name, child in node.children().items()]
        return iter(
            [
                (name, {"st_ino": _inode_number(full), "st_mode": kind}, 0)
                for name, full, kind in [*dots, *entries]
            ]
        )

    def readlink(self, path: str) -> str:
        request = self._request()
        node = self._find(path, request).node
        if not isinstance(node, Symlink):
            raise refuse(errno.EINVAL)
        return node.target(request)

    def mkdir(self, path: str, mode: int) -> None:
        parent, name, _ = self._parent(path, new=True)
        parent.mkdir(name)

    def rmdir(self, path: str) -> None:
        parent, name, filesystem = self._parent(path)
        if filesystem.removing != errno.EPERM:
            raise refuse(filesystem.removing)
        parent.rmdir(name, in_use=any(held.startswith(f"{path}/") for held in self._held.values()))

    def chmod(self, path: str, mode: int) -> None:
        request = self._request()
        node, _, owner = self._settable(path, request)
        check_setattr(owner, request)
        node.mode = stat.S_IMODE(mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        request = self._request()
        node, _, owner = self._settable(path, request)
        new_owner = (
            owner[0] if uid == _UNCHANGED else uid,
            owner[1] if gid == _UNCHANGED else gid,
        )
        check_setattr(owner, request, new_owner)
        node.owner = new_owner

    def _settable(self, path: str, request: Request) -> _Found:
        found = self._find(path, request)
        if found.filesystem.fixed_owners:
            raise refuse(errno.EPERM)
        return found

    def utimens(self, path: str, times: tuple[int, int]) -> None:
        """Keep times; who may write a file but does not own it may only set them to now."""
        request = self._request()
        found = self._find(path, request)
        if fuse_session.sets_times_to_now() and request.uid != found.owner[0]:
            self._check(found, request, os.W_OK)
        else:
            check_setattr(found.owner, request)
        found.node.times = times

    def truncate(self, path: str, length: int, fh: Any = None) -> None:
        """A pseudo-file has no length to cut; only opening with O_TRUNC means something."""
        request = self._request()
        found = self._find(path, request)
        node, filesystem, _ = found
        if fh is None:
            self._check(found, request, os.W_OK)
        if filesystem.largest is not None and length > filesystem.largest:
            raise refuse(errno.EFBIG)
        if filesystem.shows_truncation:
            node.size = length

    def listxattr(self, path: str) -> list[str]:
        return []

    # -- open files ------------------------------------------------------------------------

    def open(self, path: str, fi: Any) -> int:
        request, flags = self._request(), fi.flags
        found = self._find(path, request)
        node, filesystem, _ = found
        if not isinstance(node, File):
            raise refuse(errno.EISDIR)
        wanted = _WANTED[flags & os.O_ACCMODE] | (flags & os.O_TRUNC and os.W_OK)
        self._check(found, request, wanted)
        opened = node.open(request, flags)
        if flags & os.O_DIRECT:
            opened.release()
            raise refuse(errno.EINVAL)
        if flags & os.O_TRUNC and filesystem.shows_truncation:
            node.size = 0
        fi.fh = next(self._handles)
        fi.nonseekable = opened.seeks is Seeks.NOWHERE
        self._open[fi.fh] = opened
        if node.holds:
            self._held[fi.fh] = path
        return 0

    def read(self, path: str, size: int, offset: int, fi: Any) -> bytes:
        nonblock = bool(fi.flags & os.O_NONBLOCK)
        splices = fuse_session.fills_page_cache()
        opened = self._open[fi.fh]
        if splices and not opened.splices:
            raise refuse(errno.EINVAL)
        request = self._request(splices=splices)
        data = opened.read(request, size, offset, nonblock)
        if data or not size:
            self._ends.pop(fi.fh, None)
        else:
            self._ends[fi.fh] = request.pid, path, offset
        return data

    def write(self, path: str, data: bytes, offset: int, fi: Any) -> int:
        return self._open[fi.fh].write(self._request(), data, offset)

    def ioctl(self, path: str, command: int, arg: Any, fi: Any, flags: int, data: Any) -> int:
        self._open[fi.fh].ioctl(command)
        return 0

    def release(self, path: str, fi: Any) -> None:
        self._pollers.forget(fi.fh)
        self._held.pop(fi.fh, None)
        self._ends.pop(fi.fh, None)
        self._open.pop(fi.fh).release()

    def fsync(self, path: str, datasync: int, fi: Any) -> None:
        if not self._find(path, self._request()).filesystem.syncs_files:
            raise refuse(errno.EINVAL)

    def fsyncdir(self, path: str, datasync: int, fi: Any) -> None:
        if not self._find(path, self._request()).filesystem.syncs_folders:
            raise refuse(errno.EINVAL)

    def _request(self, *, splices: bool = False) -> Request:
        uid, gid, pid = fuse.fuse_get_context()
        may_trace = uid in (0, self._owner[0])
        return Request(pid, uid, gid, self._interrupted, splices, may_trace)

    def _interrupted(self) -> bool:
        """Asked by the thread that serves the request, for libfuse knows only of its own."""
        if self._closing:
            return True
        try:
            fuse_session.let_others_serve()
        except RuntimeError as error:
            log.warning("a reader can't wait: %s", error)
            return True
        return fuse_session.interrupted()

    # -- poll ------------------------------------------------------------------------------

    def poll(self, path: str, fi: Any, waiter: fuse_session.PollHandle | None) -> int:
        """Events that are there; with a waiter the caller wants to hear of later ones."""
        opened, wanted = self._open[fi.fh], fuse_session.poll_events()
        events = opened.events()
        opened.reported()
        if events & wanted:
            self._pollers.forget(fi.fh)
            if waiter is not None:
                waiter.destroy()
        elif waiter is not None:
            self._pollers.add(fi.fh, waiter, wanted)
        return events

    def _events(self, fh: int) -> int:
        try:
            return self._open[fh].events()
        except Exception:
            log.exception("looking whether a polled file is ready failed")
            return READABLE | WRITABLE  # its reader will meet the error

    # -- refused ---------------------------------------------------------------------------

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self._parent(path, new=True)
        raise refuse(errno.EACCES)

    def mknod(self, path: str, mode: int, device: int) -> None:
        self._refuse_new(path)

    def symlink(self, path: str, target: str) -> None:
        self._refuse_new(path)

    def link(self, path: str, target: str) -> None:
        self._refuse_new(path)

    def _refuse_new(self, path: str) -> None:
        self._parent(path, new=True)
        raise refuse(errno.EPERM)

    def unlink(self, path: str) -> None:
        raise refuse(self._parent(path)[2].removing)

    def rename(self, path: str, new_path: str) -> None:
        head, _, name = new_path.rpartition("/")
        new_parent = self._directory(head or "/", self._request())
        self._parent(new_path, new=new_parent.lookup(name) is None)
        raise refuse(self._parent(path)[2].removing)


def _inode_number(path: str) -> int:
    """Follows from the path, so that nothing is kept of paths that are gone; with so many bits no
    two paths of a lab will have the same.
    """
    digest = hashlib.blake2b(path.encode("latin-1"), digest_size=_INODE_BYTES).digest()
    return int.from_bytes(digest, "little") or 1  # no entry of a folder may have 0


def _kind(node: Node) -> int:
    if isinstance(node, Directory):
        return stat.S_IFDIR
    return stat.S_IFLNK if isinstance(node, Symlink) else stat.S_IFREG


def serve(
    operations: fuse_session.Operations,
    mount_point: str,
    source: str,
    unmount: Callable[[], None],
    *,
    for_all: bool = False,
) -> None:
    """Mount and serve until unmounted or told to end by a signal.

    source: what /proc/mounts shows as the device.  unmount: takes the mount out of the tree.
    for_all: other users may look too, as far as modes of files let them.
    Raises RuntimeError when mounting fails.
    """
    fuse_session.serve(
        operations,
        mount_point,
        unmount,
        fsname=source,
        subtype=SUBTYPE,
        direct_io=True,
        atomic_o_trunc=True,
        big_writes=True,
        max_write=_MAX_WRITE,
        max_readahead=0,
        sync_read=True,
        use_ino=True,
        attr_timeout=0,
        entry_timeout=0,
        **({"allow_other": True} if for_all else {}),
    )
