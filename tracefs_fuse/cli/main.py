"""The command ``tracefs-fuse``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import NoReturn

from tracefs_fuse.cli import mount, results, scene, shell, unmount, workloads
from tracefs_fuse.cli.problems import Problem

_DESCRIPTION = "A lab for tracing khugepaged: the kernel's tracing files, without a kernel."


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    _open_standard_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C needs no traceback
    parser = _Parser(
        prog="tracefs-fuse",
        description=_DESCRIPTION,
        epilog="example: tracefs-fuse mount /tmp/lab",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (mount, unmount, shell, workloads, scene, results):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except Problem as problem:
        print(f"tracefs-fuse: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return status


def _open_standard_streams() -> None:
    """Put /dev/null behind streams that are closed, lest a file of ours comes in their place.

    A command that is run later still finds them closed.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
