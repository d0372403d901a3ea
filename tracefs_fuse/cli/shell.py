"""``tracefs-fuse shell``: a shell in which the kernel's tracing files are the lab's.

In a user and mount namespace of its own the lab's files are bound over the machine's.  The command
then takes the place of this process, so that signals, terminal and exit status are its own; the lab
ends with it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from tracefs_fuse.cli import namespace
from tracefs_fuse.cli.daemon import Service, serve_in_background
from tracefs_fuse.cli.lab_options import add_lab_options, lab_options, life_of
from tracefs_fuse.cli.log import add_log_options, log_options
from tracefs_fuse.cli.problems import Problem, check_machine

_STAGE = Path("/sys/fs/fuse/connections")
"""A folder that is there wherever FUSE is, and that nobody misses while the lab is put in place."""

_SHOWN = (
    "/sys/kernel/tracing",
    "/sys/kernel/debug",
    "/sys/kernel/mm/transparent_hugepage",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/sys/devices/system/cpu/present",
)
"""Paths at which the lab's files cover the machine's, besides ``/proc``."""

_GREETING = """\
This shell is in the lab (kernel {kernel}, {life}) until it ends. Try:

  cd /sys/kernel/tracing/events/huge_memory/mm_khugepaged_scan_pmd
  echo 'hist:keys=status:sort=hitcount' > trigger
  echo 1 > enable
  sleep 10; cat hist

`ps -e` lists the lab's processes.
"""
_RC = """\
[ ! -r /etc/bash.bashrc ] || . /etc/bash.bashrc
[ ! -r ~/.bashrc ] || . ~/.bashrc
PS1="{mark}$PS1"
"""
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "shell",
        help="open a shell in which the kernel's tracing files are a lab's",
        usage="%(prog)s [OPTION...] [-- COMMAND...]",
        description="Run COMMAND, or a shell, where /sys/kernel/tracing, "
        "/sys/kernel/debug/tracing, /sys/kernel/mm/transparent_hugepage and /proc are "
        "those of a lab, which ends with it. Needs no root; nobody else sees anything of it.",
        epilog="example: tracefs-fuse shell --kernel 7.3 -- trace-cmd list -e huge_memory",
    )
    add_lab_options(parser)
    add_log_options(parser)
    parser.add_argument(
        "words", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run (a shell)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_machine(privately=True)
    made_of = replace(lab_options(options), for_shell=True)
    namespace.enter()
    namespace.uncover_proc()
    _stage()
    # nobody else has this namespace, and in it there may be more users than one
    service = Service(_STAGE / "lab", log_options(options), for_all=True)
    remark = serve_in_background(made_of, service, until=os.getpid())
    namespace.leave_mounts()  # so that the lab never asks itself for the machine's files
    _show_proc()
    for path in _SHOWN:
        _show(path)
    if any(step.startswith("cgroup ") for step in made_of.scene):
        _show("/sys/fs/cgroup")
    namespace.detach(_STAGE / "lab")
    namespace.detach(_STAGE)
    namespace.enter()  # a nested namespace may not remount the lab: FUSE would not be told of it
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if not words:
        print(_GREETING.format(kernel=options.kernel, life=life_of(options)) + remark, flush=True)
        _become_shell(f"(lab {options.kernel}) ")
    _become(words)


def _stage() -> None:
    try:
        namespace.mount_tmpfs(_STAGE)
    except OSError as error:
        raise Problem(f"nothing can be mounted on {_STAGE} ({error.strerror})") from None
    (_STAGE / "lab").mkdir()


def _show(path: str) -> None:
    try:
        namespace.bind(_STAGE / "lab" / path.lstrip("/"), Path(path))
    except OSError as error:
        raise Problem(f"the lab can't stand in for {path} ({error.strerror})") from None


def _show_proc() -> None:
    try:
        namespace.cover_proc(_STAGE / "lab")
    except OSError as error:
        raise Problem(f"the lab can't stand in for /proc ({error.strerror})") from None
    lab = _STAGE / "lab"
    for folder, _, names in os.walk(lab / "proc/sys"):
        for name in names:
            _show(f"/{Path(folder, name).relative_to(lab)}")


def _become_shell(mark: str) -> NoReturn:
    bash = shutil.which("bash")
    if bash is None:
        os.environ["PS1"] = f"{mark}# "
        _become(["sh"])
    rc = os.memfd_create("lab-bashrc", 0)
    os.write(rc, _RC.format(mark=mark).encode())
    _become([bash, "--rcfile", f"/proc/self/fd/{rc}"])


def _become(words: list[str]) -> NoReturn:
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, which must not be inherited
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(words[0], words)
    except FileNotFoundError:
        status, fault = _NOT_FOUND, "there is no such command"
    except OSError as error:
        status, fault = _NOT_EXECUTABLE, str(error.strerror)
    print(f"tracefs-fuse: {words[0]}: {fault}", file=sys.stderr)
    raise SystemExit(status)
