"""A mounted lab, asked with system calls by a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import multiprocessing
import os
import select
import shutil
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from tests.conftest import run_command
from tests.fuzz.generator import INSTANCES, ON_NAMES, ON_OPEN
from tests.fuzz.request import OK, ON_FILES, TRACING, Answer, Request

_SECONDS = 20
"""In which each request is answered, on a busy machine too."""

_PREAD = 4096
_CHUNK = 65536
_KNOBS = "/sys/kernel/mm/transparent_hugepage"
_EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"
_STATE = (
    *(f"{TRACING}/{name}" for name in ("set_event", "synthetic_events", "buffer_size_kb")),
    *(f"{TRACING}/{name}" for name in ("trace_options", "trace_clock", "tracing_on")),
    *(f"{TRACING}/{name}" for name in ("set_event_pid", "tracing_cpumask", "buffer_percent")),
    *(f"{TRACING}/{_EVENT}/{name}" for name in ("enable", "filter", "trigger", "hist")),
    *(f"{_KNOBS}/{name}" for name in ("enabled", "defrag", "shmem_enabled", "use_zero_page")),
    *(f"{_KNOBS}/khugepaged/{name}" for name in ("scan_sleep_millisecs", "max_ptes_none")),
    "/proc/sys/kernel/ftrace_enabled",
)
"""What is looked at before and after: much of a lab's settings, for all would take long."""

_libc = ctypes.CDLL(None, use_errno=True)
_READ_STATE = "state"


class Hung(Exception):
    """A request was not answered in time."""


class MountedLab:
    """A :class:`~tests.fuzz.request.Target` on a mount of its own."""

    operations = ON_FILES | frozenset(ON_OPEN) | frozenset(ON_NAMES)

    def __init__(self, kernel: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz"))
        self._mount = self._folder / "lab"
        self._log = self._folder / "tracefs-fuse" / "log"
        self._environment = {**os.environ, "XDG_STATE_HOME": str(self._folder)}
        mounted = run_command(
            *("mount", "--workload", "idle", "--cpus", "2", "--kernel", kernel, self._mount),
            env=self._environment,
        )
        if mounted.returncode:
            raise RuntimeError(mounted.stderr)
        context = multiprocessing.get_context("fork")
        self._connection, other = context.Pipe()
        self._client = context.Process(target=_serve, args=(other, str(self._mount)), daemon=True)
        self._client.start()

    def close(self) -> None:
        self._client.kill()
        self._client.join()
        run_command("unmount", self._mount, env=self._environment)
        shutil.rmtree(self._folder)

    def complaints(self) -> list[str]:
        text = self._log.read_text(errors="replace")
        return [text] if text else []

    def perform(self, request: Request) -> Answer:
        return self._ask(request)

    def state(self) -> dict[str, str]:
        told = self._ask(Request(_READ_STATE)).data.decode("latin-1")
        return dict(part.split("\1", 1) for part in told.split("\0")[:-1])

    def _ask(self, request: Request) -> Answer:
        self._connection.send(request)
        if not self._connection.poll(_SECONDS):
            raise Hung(str(request))
        answer = self._connection.recv()
        assert isinstance(answer, Answer)
        return answer


def _serve(connection: Connection, mount: str) -> None:
    """The client: makes each request that it is sent."""
    client = _Client(mount)
    while True:
        request = connection.recv()
        try:
            answer = client.perform(request)
        except OSError as error:
            answer = Answer.of_error(error)
        connection.send(answer)


class _Client:
    def __init__(self, mount: str) -> None:
        self._mount = mount
        self._open: dict[int, int] = {}

    def perform(self, request: Request) -> Answer:
        if request.operation == _READ_STATE:
            return Answer(OK, self._state())
        if request.path:
            return self._named(request)
        descriptor = self._open.get(request.slot)
        if descriptor is None:
            raise OSError(errno.EBADF, "")
        return self._on_open(request, descriptor)

    def _named(self, request: Request) -> Answer:
        path, operation, number = self._mount + request.path, request.operation, request.number
        other = self._mount + request.data.decode("latin-1")
        if operation == "open":
            self._close(request.slot)
            self._open[request.slot] = os.open(path, number, 0o644)
        elif operation == "readdir":
            return Answer(OK, "".join(f"{name}\n" for name in os.listdir(path)).encode())
        elif operation == "mkdir":
            os.mkdir(path, number)
        elif operation in ("rename", "link", "symlink"):
            getattr(os, operation)(path, other)
        else:
            calls: dict[str, Callable[[], object]] = {
                "rmdir": lambda: os.rmdir(path),
                "unlink": lambda: os.unlink(path),
                "mknod": lambda: os.mknod(path),
                "chmod": lambda: os.chmod(path, os.stat(path).st_mode & 0o7777),
                "chown": lambda: os.chown(path, -1, -1),
                "utimens": lambda: os.utime(path),
                "truncate": lambda: os.truncate(path, number),
                "setxattr": lambda: os.setxattr(path, "user.x", b"y"),
                "getxattr": lambda: os.getxattr(path, "user.x"),
                "listxattr": lambda: os.listxattr(path),
                "removexattr": lambda: os.removexattr(path, "user.x"),
                "stat": lambda: os.stat(path),
                "readlink": lambda: os.readlink(path),
                "access": lambda: os.access(path, os.R_OK),
                "statfs": lambda: os.statvfs(path),
            }
            calls[operation]()
        return Answer(OK)

    def _on_open(self, request: Request, descriptor: int) -> Answer:
        number, data = request.number, request.data
        if request.operation == "read":
            return Answer(OK, os.read(descriptor, number))
        if request.operation == "pread":
            return Answer(OK, os.pread(descriptor, _PREAD, number))
        if request.operation in ("write", "pwrite"):
            return Answer(OK, number=self._write(request, descriptor))
        calls: dict[str, Callable[[], object]] = {
            "close": lambda: self._close(request.slot),
            "poll": lambda: select.select([descriptor], [descriptor], [descriptor], 0),
            "ioctl": lambda: fcntl.ioctl(descriptor, number, bytes(8)),
            "lseek": lambda: os.lseek(descriptor, number, os.SEEK_SET),
            "ftruncate": lambda: os.ftruncate(descriptor, number),
            "fsync": lambda: os.fsync(descriptor),
            "flock": lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            "lockf": lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            "fstat": lambda: os.fstat(descriptor),
            "fallocate": lambda: _fallocate(descriptor, number),
        }
        assert not data
        calls[request.operation]()
        return Answer(OK)

    def _write(self, request: Request, descriptor: int) -> int:
        if request.operation == "pwrite":
            return os.pwrite(descriptor, request.data, request.number)
        return os.write(descriptor, request.data)

    def _close(self, slot: int) -> None:
        descriptor = self._open.pop(slot, None)
        if descriptor is not None:
            os.close(descriptor)

    def _state(self) -> bytes:
        instances = os.listdir(self._mount + INSTANCES)
        parts = [f"{INSTANCES}\1{instances}".encode()]
        for path in _STATE:
            with contextlib.suppress(FileNotFoundError):
                parts.append(path.encode() + b"\1" + _content(self._mount + path))
        return b"".join(part + b"\0" for part in parts)


def _content(path: str) -> bytes:
    """All of a file, piece by piece: after truncate(2) stat shows sizes that fit nowhere."""
    with open(path, "rb", buffering=0) as file:
        return b"".join(iter(lambda: file.read(_CHUNK), b""))


def _fallocate(descriptor: int, length: int) -> None:
    """fallocate(2) itself: that of Python writes where there is none."""
    if _libc.fallocate(descriptor, 0, ctypes.c_long(0), ctypes.c_long(length or 1)):
        raise OSError(ctypes.get_errno(), "fallocate")
