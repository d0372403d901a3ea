"""The command ``tracefs-fuse``."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from tracefs_fuse.cli.ending import Ended
from tracefs_fuse.cli.problems import Problem, in_words

_DESCRIPTION = "A lab for tracing khugepaged: the kernel's tracing files, without a kernel."


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    try:
        _open_standard_streams()
        return _run(arguments)
    except Problem as problem:
        return _fail(str(problem))
    except BrokenPipeError:
        _let_go_of_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _let_go_of_output()
        return _fail(in_words(error))
    except Ended as ended:
        ended.end()
        raise


def _run(arguments: list[str] | None) -> int:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C needs no traceback
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how children end
    # Loading them takes a moment, in which Ctrl-C may come.
    from tracefs_fuse.cli import mount, results, scene, shell, unmount, workloads

    parser = _Parser(
        prog="tracefs-fuse",
        description=_DESCRIPTION,
        epilog="example: tracefs-fuse mount /tmp/lab",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (mount, unmount, shell, workloads, scene, results):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    sys.stdout.flush()
    return status


def _fail(fault: str) -> int:
    fault = fault.replace("\n", "\\n")  # of a name: it is to be one line
    print(f"tracefs-fuse: {fault}", file=sys.stderr)
    return 1


def _let_go_of_output() -> None:
    """Lest what could not be written is tried again at the end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Put /dev/null behind streams that are closed, lest a file of ours comes in their place.

    A command that is run later still finds them closed.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(null)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files, be they UTF-8 or not
