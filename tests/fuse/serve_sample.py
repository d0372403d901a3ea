"""Serves a small tree of pseudo-files on a folder: ``python -m tests.fuse.serve_sample FOLDER``.

What the files are asked is printed, so that a test sees how requests arrive.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from functools import partial
from pathlib import Path

from tracefs_fuse.cli.log import write_log
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.files.node import (
    READABLE,
    Directory,
    File,
    Node,
    OpenFile,
    Request,
    Seeks,
    Symlink,
    TextFile,
)
from tracefs_fuse.fuse_adapter import LabOperations, serve
from tracefs_fuse.tracing.numbers import refuse
from tracefs_fuse.tracing.wait_queue import WaitQueue

LOCK = threading.RLock()
READERS = WaitQueue(LOCK)


def tell(*words: object) -> None:
    print(*words, flush=True)


class NoPace:
    """Nothing ever happens by itself."""

    def catch_up(self) -> None:
        pass

    def settle(self) -> None:
        pass


class Word(TextFile):
    """Shows what was last written."""

    def __init__(self, mode: int) -> None:
        self.word = "first\n"
        super().__init__(mode, lambda: self.word, self.keep, lambda request: tell("truncated"))

    def keep(self, request: Request, data: bytes) -> None:
        tell("write", len(data), request.uid, request.pid)
        self.word = data.decode("latin-1")


class Queue(File):
    """A pipe of pages; a write to ``feed`` puts in so many bytes."""

    size = 1 << 40

    def __init__(self, mode: int) -> None:
        super().__init__(mode)
        self.waiting = b""

    def open(self, request: Request, flags: int) -> OpenFile:
        return OpenQueue(self)

    def feed(self, request: Request, data: bytes) -> None:
        self.waiting += b"x" * int(data)
        READERS.wake()


class OpenQueue(OpenFile):
    seeks = Seeks.NOWHERE
    splices = True

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def events(self) -> int:
        return READABLE if self.queue.waiting else 0

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        queue = self.queue
        while not queue.waiting:
            if nonblock:
                raise refuse(errno.EAGAIN)
            if request.interrupted():
                raise refuse(errno.EINTR)
            READERS.wait(0.05)
        data, queue.waiting = queue.waiting[:size], queue.waiting[size:]
        return data

    def release(self) -> None:
        tell("released")


class Folders(Directory):
    """Folders that can be made and removed."""

    def __init__(self) -> None:
        super().__init__({})

    def mkdir(self, name: str) -> None:
        files = {"holds": TextFile(0o444, str), "lets go": TextFile(0o444, str, holds=False)}
        self._entries[name] = Directory(files)

    def rmdir(self, name: str, *, in_use: bool = False) -> None:
        if in_use:
            raise refuse(errno.EBUSY)
        del self._entries[name]


def broken() -> str:
    raise ValueError("broken on purpose")


def refused(request: Request) -> None:
    raise refuse(errno.EBUSY)


def sample_tree() -> Directory:
    queue = Queue(0o440)
    files: dict[str, Node] = {
        "word": Word(0o640),
        "shown": TextFile(
            0o440, lambda: (f"line {number}\n" for number in range(50_000)), splices=True
        ),
        "told": TextFile(0o200, store=lambda request, data: tell("told", len(data))),
        "half": TextFile(0o200, store=lambda request, data: 3),
        "kept": TextFile(0o640, lambda: "kept\n", lambda request, data: None, refused),
        "broken": TextFile(0o440, broken),
        "queue": queue,
        "feed": TextFile(0o200, store=queue.feed),
    }
    return Directory({"files": Directory(files), "folders": Folders(), "link": Symlink("files")})


def detach(folder: str) -> None:
    mount = mount_at(Path(folder))
    if mount is not None:
        mount.detach()


def main(folder: str) -> None:
    write_log(sys.stderr.fileno(), verbose=False)
    operations = LabOperations(sample_tree(), LOCK, READERS, NoPace(), lambda: tell("ready"))
    serve(
        operations,
        folder,
        source_of(os.getpid()),
        partial(detach, folder),
    )
    tell("ended")


if __name__ == "__main__":
    main(sys.argv[1])
