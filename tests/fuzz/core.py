"""The tree of a lab in which time stands still, asked in this process."""

from __future__ import annotations

import errno
import logging
import os
import signal
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from tests.fuzz.request import OK, ON_FILES, TRACING, Answer, Request, kind_of
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.files import node as files
from tracefs_fuse.files.node import Directory, File, Node, OpenFile, Seeks, Symlink
from tracefs_fuse.tracing.numbers import refuse

_SECONDS = 3
"""Of processor time that a request may take."""

_MEANT = os.O_ACCMODE | os.O_TRUNC | os.O_APPEND | os.O_NONBLOCK | os.O_SYNC
"""Flags that reach a file system."""

_PREAD = 4096

_NO_STATE = frozenset(
    {"trace", "error_log", "free_buffer", "inject", "trace_marker", "trace_marker_raw"}
)
"""Files that can be written but are no settings: what they show may come with any request."""

_STATE = frozenset({"available_events", "buffer_total_size_kb", "hist"})
"""Files that only show settings of others."""

_MAKES_FILES = frozenset({"synthetic_events", "dynamic_events"})


class TooSlow(Exception):
    """A request took longer than a request may."""


@dataclass
class _Open:
    """An open file, as a process has it."""

    path: str
    node: File
    file: OpenFile
    flags: int
    position: int = 0


class _Log(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class CoreLab:
    """A :class:`~tests.fuzz.request.Target` without a mount."""

    operations = ON_FILES

    def __init__(self, kernel: str) -> None:
        lab = build_lab(LabOptions(kernel=kernel, workload="idle", cpus=2))
        self._root = lab.root
        self._open: dict[int, _Open] = {}
        self._client = files.Request(os.getpid())
        self._settings: dict[str, File] | None = None
        self._log = _Log()
        logging.getLogger().addHandler(self._log)
        self._handler_before = signal.signal(signal.SIGVTALRM, _too_slow)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._log)
        signal.signal(signal.SIGVTALRM, self._handler_before)

    def complaints(self) -> list[str]:
        return self._log.lines

    def perform(self, request: Request) -> Answer:
        path = request.path or (self._open[request.slot].path if request.slot in self._open else "")
        if request.operation in ("mkdir", "rmdir") or kind_of(path) in _MAKES_FILES:
            self._settings = None
        signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
        try:
            return cast(Answer, getattr(self, f"_{request.operation}_")(request))
        except OSError as error:
            return Answer.of_error(error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def state(self) -> dict[str, str]:
        if self._settings is None:
            self._settings = {
                path: node
                for path, node in _walk(self._root, "")
                if isinstance(node, File) and _is_setting(path, node)
            }
        return {path: _shown(file) for path, file in self._settings.items()}

    # -- requests --------------------------------------------------------------------------

    def _node(self, path: str) -> Node:
        node: Node = self._root
        for name in path.split("/")[1:]:
            if not isinstance(node, Directory):
                raise refuse(errno.ENOTDIR)
            found = node.lookup(name)
            if found is None:
                raise refuse(errno.ENOENT)
            node = found
        return node

    def _folder(self, path: str) -> Directory:
        node = self._node(path)
        if not isinstance(node, Directory):
            raise refuse(errno.ENOTDIR)
        return node

    def _at(self, request: Request, *refused: int) -> _Open:
        """The open file in a slot; EBADF for access modes that don't go with the request."""
        opened = self._open.get(request.slot)
        if opened is None or opened.flags & os.O_ACCMODE in refused:
            raise refuse(errno.EBADF)
        return opened

    def _open_(self, request: Request) -> Answer:
        self._forget(request.slot)
        node = self._node(request.path)
        if not isinstance(node, File):
            raise refuse(errno.ELOOP if isinstance(node, Symlink) else errno.EISDIR)
        flags = request.number & _MEANT
        opened = node.open(self._client, flags)
        self._open[request.slot] = _Open(request.path, node, opened, flags)
        return Answer(OK)

    def _close_(self, request: Request) -> Answer:
        self._at(request)
        self._forget(request.slot)
        return Answer(OK)

    def _forget(self, slot: int) -> None:
        opened = self._open.pop(slot, None)
        if opened is not None:
            opened.file.release()

    def _read_(self, request: Request) -> Answer:
        opened = self._at(request, os.O_WRONLY, os.O_ACCMODE)
        data = opened.file.read(self._client, request.number, opened.position, True)
        assert len(data) <= request.number, f"{len(data)} of {request.number} bytes"
        opened.position += len(data)
        return Answer(OK, data)

    def _pread_(self, request: Request) -> Answer:
        opened = self._at(request, os.O_WRONLY, os.O_ACCMODE)
        if opened.file.seeks is Seeks.NOWHERE:
            raise refuse(errno.ESPIPE)
        return Answer(OK, opened.file.read(self._client, _PREAD, request.number, True))

    def _write_(self, request: Request) -> Answer:
        opened = self._at(request, os.O_RDONLY, os.O_ACCMODE)
        return self._written(opened, request.data, opened.position)

    def _pwrite_(self, request: Request) -> Answer:
        opened = self._at(request, os.O_RDONLY, os.O_ACCMODE)
        if opened.file.seeks is Seeks.NOWHERE:
            raise refuse(errno.ESPIPE)
        return self._written(opened, request.data, request.number)

    def _written(self, opened: _Open, data: bytes, offset: int) -> Answer:
        used = opened.file.write(self._client, data, offset)
        assert 0 <= used <= len(data), f"{used} of {len(data)} bytes taken"
        opened.position += used
        return Answer(OK, number=used)

    def _poll_(self, request: Request) -> Answer:
        opened = self._at(request)
        opened.file.events()
        opened.file.reported()
        return Answer(OK)

    def _ioctl_(self, request: Request) -> Answer:
        self._at(request).file.ioctl(request.number)
        return Answer(OK)

    def _mkdir_(self, request: Request) -> Answer:
        parent, _, name = request.path.rpartition("/")
        self._folder(parent).mkdir(name)
        return Answer(OK)

    def _rmdir_(self, request: Request) -> Answer:
        parent, _, name = request.path.rpartition("/")
        below = f"{request.path}/"
        in_use = any(o.node.holds and o.path.startswith(below) for o in self._open.values())
        self._folder(parent).rmdir(name, in_use=in_use)
        return Answer(OK)

    def _readdir_(self, request: Request) -> Answer:
        children = self._folder(request.path).children()
        return Answer(OK, "".join(f"{name}\n" for name in children).encode())


def _walk(folder: Directory, path: str) -> Iterator[tuple[str, Node]]:
    for name, node in folder.children().items():
        yield f"{path}/{name}", node
        if isinstance(node, Directory):
            yield from _walk(node, f"{path}/{name}")


def _is_setting(path: str, file: File) -> bool:
    name = path.rpartition("/")[2]
    if name in _STATE:
        return path.startswith(TRACING)
    return bool(file.mode & 0o222) and name not in _NO_STATE


def _shown(file: File) -> str:
    """The text of a file that makes nobody wait."""
    request = files.Request(0)
    opened = file.open(request, os.O_RDONLY)
    try:
        return opened.read(request, 1 << 20, 0, True).decode("latin-1")
    except OSError as error:
        return str(error)


def _too_slow(number: int, frame: types.FrameType | None) -> None:
    raise TooSlow(f"after {_SECONDS} s")
