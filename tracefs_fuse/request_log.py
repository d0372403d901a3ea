"""Requests in the words of the log."""

from __future__ import annotations

import errno
import logging
import time
from typing import Any

import fuse

from tracefs_fuse import fuse_session
from tracefs_fuse.real_proc import real_proc

log = logging.getLogger(__name__)

_LONGEST = 48
"""Bytes of an argument that are shown."""


class LoggedOperations:
    """The operations of a mount, each request to which is logged in a line once it is done.

    ``read /proc/vmstat 131072 0 flags=0o100000 by cat[71]: 6124 bytes, 0.52 ms``
    """

    def __init__(self, operations: fuse_session.Operations) -> None:
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def __call__(self, operation: str, *arguments: Any) -> Any:
        begun = time.perf_counter()
        said = ""
        try:
            answer = self._operations(operation, *arguments)
            said = _answer(answer)
            return answer
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, str(error))
            raise
        finally:
            took = (time.perf_counter() - begun) * 1000
            log.info("%s: %s, %.2f ms", described(operation, arguments), said, took)

    def close(self) -> None:
        self._operations.close()


def described(operation: str, arguments: tuple[Any, ...], longest: int = _LONGEST) -> str:
    """The request that this thread serves, and whose it is; of data so many bytes are shown."""
    pid = fuse.fuse_get_context()[2]
    words = (_word(argument, longest) for argument in arguments[1:])
    path = _path(arguments[0])
    return " ".join([operation, path, *filter(None, words), f"by {_comm(pid)}[{pid}]"])


def _path(path: str) -> str:
    text = path.encode("latin-1").decode(errors="backslashreplace")
    return text if text.isprintable() and " " not in text else repr(text)


def _word(argument: Any, longest: int) -> str:
    """An argument in short; nothing for those that say nothing."""
    if isinstance(argument, fuse.fuse_file_info):
        return f"flags={argument.flags:#o}"
    if isinstance(argument, (str, bytes)):
        more = f"...({len(argument)})" if len(argument) > longest else ""
        return f"{argument[:longest]!r}{more}"
    return str(argument) if isinstance(argument, int) else ""


def _comm(pid: int) -> str:
    try:
        return (real_proc() / f"{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return "?"


def _answer(answer: Any) -> str:
    if isinstance(answer, bytes):
        return f"{len(answer)} bytes"
    return str(answer) if isinstance(answer, int) else "done"
