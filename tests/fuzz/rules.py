"""What a lab may answer, and what a refused request may change: as kernels do it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.fuzz.request import TRACING, Request, kind_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBER = "EINVAL ERANGE"
_READ_NOW = "EBUSY ENOMEM"
"""The buffers are to get another size while somebody reads them."""

_FILTER = "EINVAL ENOENT EPERM ESRCH"
_COMMAND = "ENOENT EEXIST EBUSY E2BIG EDOM ENOMEM ERANGE"

ERRORS_OF_WRITE: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("option", "tracing_on", "tracing_thresh", "tracing_max_latency"), _names(_NUMBER)
    ),
    **dict.fromkeys(("buffer_percent", "syscall_user_buf_size"), _names(_NUMBER)),
    **dict.fromkeys(
        ("buffer_size_kb", "buffer_subbuf_size_kb", "snapshot", "enable"),
        _names(f"{_NUMBER} {_READ_NOW}"),
    ),
    "saved_cmdlines_size": _names(f"{_NUMBER} ENOMEM"),
    **dict.fromkeys(("trace_clock", "trace_options"), _names("EINVAL")),
    **dict.fromkeys(("current_tracer", "set_event"), _names(f"EINVAL {_READ_NOW}")),
    **dict.fromkeys(("set_ftrace_filter", "set_ftrace_notrace"), _names("EINVAL")),
    **dict.fromkeys(
        ("set_event_pid", "set_event_notrace_pid"), _names(f"{_NUMBER} EPERM {_READ_NOW}")
    ),
    **dict.fromkeys(("set_ftrace_pid", "set_ftrace_notrace_pid"), _names(f"{_NUMBER} EPERM")),
    "tracing_cpumask": _names("EINVAL EOVERFLOW"),
    "filter": _names(_FILTER),
    "trigger": _names(f"{_COMMAND} {_FILTER}"),
    "inject": _names("EINVAL ENOENT ERANGE"),
    **dict.fromkeys(("trace_marker", "trace_marker_raw"), _names("EINVAL EBADF ENODEV")),
    **dict.fromkeys(("synthetic_events", "dynamic_events"), _names("EINVAL EEXIST ENOENT EBUSY")),
    "knob": _names(f"{_NUMBER} ENOTSUP"),
    "proc": _names(f"{_NUMBER} EIO ESRCH"),
    **dict.fromkeys(("trace", "error_log", "free_buffer"), _names("")),
}
"""By kind of file, beside those that any write may have."""

_ANY_WRITE = _names("EBADF ENODEV")
"""No file is open for writing in the slot, or what it was about is gone."""

_NOT_WRITABLE = _names("EINVAL")
"""The file can be opened for writing, by root, but nothing takes what is written."""

_MISSING = "ENOENT ENOTDIR ENAMETOOLONG"

ERRORS: dict[str, frozenset[str]] = {
    "open": _names(f"{_MISSING} ENODEV EBUSY EACCES EISDIR EEXIST EINVAL ELOOP ENOTSUP"),
    "read": _names("EBADF EAGAIN EINVAL EPERM ENODEV EISDIR"),
    "pread": _names("EBADF EAGAIN EINVAL EPERM ENODEV EISDIR ESPIPE"),
    "close": _names("EBADF"),
    "poll": _names("EBADF"),
    "ioctl": _names("EBADF ENOTTY EINVAL EFAULT EBUSY"),  # for attributes FUSE opens a file again
    "readdir": _names(_MISSING),
    "mkdir": _names(f"{_MISSING} EEXIST EPERM EACCES"),
    "rmdir": _names(f"{_MISSING} EBUSY EPERM EACCES ENOTEMPTY"),
    "lseek": _names("EBADF ESPIPE EINVAL EOVERFLOW ENXIO"),
    "ftruncate": _names("EBADF EINVAL EPERM EACCES EFBIG"),
    "fsync": _names("EBADF EINVAL"),
    "flock": _names("EBADF EWOULDBLOCK EAGAIN"),
    "lockf": _names("EBADF EAGAIN EACCES EINVAL EOVERFLOW"),
    "fstat": _names("EBADF ENOENT"),
    "fallocate": _names("EBADF ENOTSUP ENODEV EINVAL EISDIR ESPIPE EFBIG"),
    "rename": _names(f"{_MISSING} EPERM EBUSY EXDEV EEXIST EINVAL EISDIR ENOTEMPTY EACCES"),
    "unlink": _names(f"{_MISSING} EPERM EISDIR EACCES"),
    "symlink": _names(f"{_MISSING} EPERM EEXIST EACCES"),
    "link": _names(f"{_MISSING} EPERM EEXIST EXDEV EACCES"),
    "mknod": _names(f"{_MISSING} EPERM EEXIST EACCES"),
    "chmod": _names(_MISSING),
    "chown": _names(_MISSING),
    "utimens": _names(_MISSING),
    "truncate": _names(f"{_MISSING} EISDIR EINVAL EACCES EPERM EFBIG"),
    "setxattr": _names(f"{_MISSING} ENOTSUP EPERM"),
    "getxattr": _names(f"{_MISSING} ENOTSUP ENODATA"),
    "listxattr": _names(f"{_MISSING} ENOTSUP"),
    "removexattr": _names(f"{_MISSING} ENOTSUP ENODATA EPERM"),
    "stat": _names(_MISSING),
    "readlink": _names(f"{_MISSING} EINVAL"),
    "access": _names(f"{_MISSING} EACCES"),
    "statfs": _names(_MISSING),
}
"""By operation; what a write may say depends on the file."""

CHANGING = frozenset({"open", "write", "pwrite", "close", "mkdir", "rmdir"})
"""Operations that may change state when they succeed."""


def is_plausible(operation: str, path: str, status: str) -> bool:
    """Whether a kernel might refuse this with such an error."""
    if operation in ("chmod", "chown") and status == "EPERM":
        return kind_of(path) == "proc"
    if operation not in ("write", "pwrite"):
        return status in ERRORS[operation]
    if operation == "pwrite" and status in ("ESPIPE", "EINVAL"):
        return True
    if not path:
        return status == "EBADF"
    return status in _ANY_WRITE | ERRORS_OF_WRITE.get(kind_of(path), _NOT_WRITABLE)


def opens_before_refusing(request: Request, status: str) -> bool:
    """Whether a file is opened, and closed, before open(2) finds that O_DIRECT can't be had."""
    direct = request.operation == "open" and request.number & os.O_DIRECT
    return status == "EINVAL" and bool(direct)


@dataclass(frozen=True)
class Allowance:
    """What a refused write changes all the same."""

    kinds: str
    """Of the files that are written, between blanks."""

    changed: str
    """Pattern of the paths that may change; ``{path}`` is the one written to."""

    reason: str


ALLOWED_CHANGES = (
    Allowance(
        "filter",
        "{path}|.*/show_event_filters",
        "a bad filter takes the place of the one before, and is shown with its fault",
    ),
    Allowance(
        "trigger",
        "(?!{path}).*/(trigger|hist|enable|show_event_triggers)",
        "6.1 keeps the histograms that a bad action has had made on other events",
    ),
    Allowance(
        "synthetic_events dynamic_events",
        rf"|{TRACING}/(synthetic_events|dynamic_events|available_events|.*/synthetic/.*|set_event)",
        "each line is a command of its own: those before the bad one have been obeyed",
    ),
    Allowance(
        "set_event set_event_pid set_event_notrace_pid snapshot current_tracer enable "
        "buffer_size_kb",
        ".*/buffer(_total)?_size_kb",
        "the buffers get their size before what is written is looked at",
    ),
)


def unexplained(path: str, changed: Iterable[str]) -> list[str]:
    """Of the paths that a refused request has changed, those that no kernel would change."""
    patterns = [
        allowance.changed.replace("{path}", re.escape(path))
        for allowance in ALLOWED_CHANGES
        if kind_of(path) in allowance.kinds.split()
    ]
    return [one for one in changed if not any(re.fullmatch(p, one) for p in patterns)]
