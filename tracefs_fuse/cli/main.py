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
