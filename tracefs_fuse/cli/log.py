"""The log of a lab: its own errors, and each request for those who ask.

The log never ends a lab: what can't be written is dropped, and what goes wrong again and again is
told once and then counted.
"""

from __future__ import annotations

import argparse
import logging
import os
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracefs_fuse.cli.problems import Problem

_STATE = ".local/state"
_NAME = "tracefs-fuse/log"
_FORMAT = "%(asctime)s [%(process)d] %(message)s"
_MOST_CRASHES = 100
"""Different ones that are told in full."""


@dataclass(frozen=True)
class LogOptions:
    """Where a lab writes its log, and how much."""

    file: Path | None = None
    """None is where the lab itself sees fit."""

    verbose: bool = False


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is logged."""
    parser.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help=f"append the lab's own errors to this file ({log_file()})".replace("%", "%%"),
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="log each request too: what, by which process, its result and its time",
    )


def log_options(options: argparse.Namespace) -> LogOptions:
    """What was asked for."""
    return LogOptions(options.log, options.verbose)


def log_file() -> Path:
    """Where a lab in the background writes its log."""
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state, _NAME) if state else Path(_home(), _STATE, _NAME)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor a row in /etc/passwd
        return Path("/")


def open_log(path: Path) -> int:
    """Open a log; returns its descriptor.  Raises Problem."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # a pipe that nobody reads must not have the lab wait
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise Problem(
            f"the log {path} can't be written ({error.strerror}); choose another: --log FILE"
        ) from None


def write_log(descriptor: int, *, verbose: bool) -> None:
    """Have everything that is logged from now on written to a descriptor."""
    handler = _DescriptorHandler(descriptor)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(_CrashFilter())
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)


class _DescriptorHandler(logging.Handler):
    """Writes each message with one write(2); a message that can't be written is dropped."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)}\n"
        with suppress(OSError):
            os.write(self._descriptor, text.encode(errors="backslashreplace"))


class _CrashFilter(logging.Filter):
    """Lets the same crash through once; then only how often it was, at each power of ten."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[object] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        crash: object = _crash(error)
        if crash not in self._seen and len(self._seen) >= _MOST_CRASHES:
            crash = None
        self._seen[crash] += 1
        count = self._seen[crash]
        if crash is None or count > 1:
            record.args = (record.getMessage(), error, count)
            record.msg = "%s: %r (%d times)"
            record.exc_info = None
        return str(count).strip("0") == "1"


def _crash(error: BaseException) -> object:
    """What is the same when the same went wrong in the same place."""
    frames = traceback.walk_tb(error.__traceback__)
    return type(error), tuple((frame.f_code, line) for frame, line in frames)
