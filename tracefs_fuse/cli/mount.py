"""``tracefs-fuse mount``: mount a lab and serve it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from engine.workloads import WORKLOADS
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.mounts import source_of
from tracefs_fuse.cli.problems import Problem, check_machine, check_mount_point
from tracefs_fuse.tracing.versions import VERSIONS

_READY = b"ready"
_DEFAULTS = LabOptions()
_MAX_CPUS = 64
_LOG = "tracefs-fuse/log"
_INVITATION = """\
The lab is on {folder} (kernel {kernel}, workload {workload}). Try:

  cd {folder}/sys/kernel/tracing/events/huge_memory/mm_khugepaged_scan_pmd
  echo 'hist:keys=status:sort=hitcount' > trigger
  sleep 10; cat hist
"""


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "mount",
        help="mount a lab",
        description="Mount a lab on DIR, which is made if it is missing, and go on in the "
        f"background; errors of the lab itself are written to {_log_file()}.",
        epilog="example: tracefs-fuse mount --kernel 7.3 --workload idle /tmp/lab",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to mount the lab")
    parser.add_argument(
        "--kernel",
        choices=list(VERSIONS),
        default=_DEFAULTS.kernel,
        help="the kernel to be (%(default)s)",
    )
    parser.add_argument(
        "--cpus", type=_cpus, default=_DEFAULTS.cpus, metavar="N", help="its CPUs (%(default)s)"
    )
    parser.add_argument(
        "--workload",
        choices=list(WORKLOADS),
        default=_DEFAULTS.workload,
        help="what its processes do (%(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=_DEFAULTS.seed,
        metavar="N",
        help="of all that is left to chance (%(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=_DEFAULTS.speed,
        metavar="X",
        help="virtual seconds in a real one (%(default)g)",
    )
    parser.add_argument("--foreground", action="store_true", help="serve until Ctrl-C")
    parser.set_defaults(run=run)


def _cpus(text: str) -> int:
    cpus = int(text)
    if not 1 <= cpus <= _MAX_CPUS:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MAX_CPUS}")
    return cpus


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError("must be greater than 0")
    return speed


def _log_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / _LOG


def run(options: argparse.Namespace) -> int:
    check_machine()
    folder: Path = options.folder.absolute()
    there = check_mount_point(folder)
    if there is not None:
        print(f"The lab is already on {folder} (process {there.daemon}).")
        return 0
    invitation = _INVITATION.format(folder=folder, kernel=options.kernel, workload=options.workload)
    if options.foreground:
        logging.basicConfig()
        return _serve(options, folder, lambda: print(invitation, flush=True))
    return _serve_in_background(options, folder, invitation)


def _serve(options: argparse.Namespace, folder: Path, started: Any) -> int:
    """Serve the lab until it is unmounted."""
    from tracefs_fuse.fuse_adapter import LabOperations, serve

    lab = build_lab(
        LabOptions(options.kernel, options.cpus, options.workload, options.seed, options.speed)
    )

    def begin() -> None:
        lab.pace.start()
        started()

    operations = LabOperations(
        lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace.catch_up, begin
    )
    try:
        serve(operations, str(folder), source_of(os.getpid()))
    except RuntimeError:
        raise Problem(f"{folder} could not be mounted; libfuse says why above") from None
    finally:
        lab.pace.stop()
    return 0


def _serve_in_background(options: argparse.Namespace, folder: Path, invitation: str) -> int:
    """Serve from a process of its own; returns once the lab answers."""
    news, tell = os.pipe()
    if os.fork() == 0:
        status = 1
        try:
            os.close(news)
            os.setsid()
            _leave_terminal(tell)
            status = _serve(options, folder, lambda: _tell(tell, _READY))
        except Problem as problem:
            _tell(tell, str(problem).encode())
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", folder)
        finally:
            os._exit(status)
    os.close(tell)
    with os.fdopen(news, "rb") as stream:
        said = stream.read()
    if said != _READY:
        text = said.decode(errors="replace").strip()
        raise Problem(text or f"the lab did not start; see {_log_file()}")
    folder.stat()
    print(invitation, end="")
    return 0


def _tell(pipe: int, said: bytes) -> None:
    os.write(pipe, said)
    os.close(pipe)


def _leave_terminal(tell: int) -> None:
    """Standard input from nowhere, output and errors to the log, but errors first to the user."""
    path = _log_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
