"""``tracefs-fuse mount``: mount a lab and serve it."""

from __future__ import annotations

import argparse
import logging
import math
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.workloads import WORKLOADS
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.cli.problems import Problem, check_machine, check_mount_point
from tracefs_fuse.cli.scene import read_scene
from tracefs_fuse.tracing.versions import VERSIONS

_READY = b"ready\n"
_DEFAULTS = LabOptions()
_MAX_CPUS = 64
_LOG = "tracefs-fuse/log"
_LOG_FORMAT = "%(asctime)s %(name)s: %(message)s"
_INVITATION = """\
The lab is on {folder} (kernel {kernel}, {life}). Try:

  cd {tree}/events/huge_memory/mm_khugepaged_scan_pmd
  echo 'hist:keys=status:sort=hitcount' > trigger
  echo 1 > enable
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
        "--scene",
        metavar="FILE",
        help="play this scene each second in the place of a workload (see: tracefs-fuse scene -h)",
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
    if not (text.isdecimal() and 1 <= int(text) <= _MAX_CPUS):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MAX_CPUS}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number greater than 0, not {text!r}")
    return speed


def _log_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / _LOG


def run(options: argparse.Namespace) -> int:
    check_machine()
    folder: Path = options.folder.absolute()
    scene = read_scene(options.scene) if options.scene else ()
    there = check_mount_point(folder)
    if there is not None:
        print(f"The lab is already on {folder} (process {there.daemon}).")
        return 0
    invitation = _INVITATION.format(
        folder=folder,
        tree=shlex.quote(f"{folder}/sys/kernel/tracing"),
        kernel=options.kernel,
        life=f"scene {options.scene}" if scene else f"workload {options.workload}",
    )
    made_of = LabOptions(
        options.kernel, options.cpus, options.workload, options.seed, scene, options.speed
    )
    if options.foreground:
        logging.basicConfig(format=_LOG_FORMAT)
        return _serve(made_of, folder, lambda remark: print(invitation + remark, flush=True))
    return _serve_in_background(made_of, folder, invitation)


def _serve(made_of: LabOptions, folder: Path, started: Callable[[str], None]) -> int:
    """Serve the lab until it is unmounted.

    started: told, once it answers, what there is to say of its workload.
    """
    from tracefs_fuse.fuse_adapter import LabOperations, serve

    lab = build_lab(made_of)

    def begin() -> None:
        lab.pace.start()
        started(lab.machine.remark)

    operations = LabOperations(lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace, begin)
    try:
        serve(operations, str(folder), source_of(os.getpid()), lambda: _detach(folder))
    except RuntimeError:
        raise Problem(f"{folder} could not be mounted") from None
    finally:
        lab.pace.stop()
    return 0


def _detach(folder: Path) -> None:
    mount = mount_at(folder)
    if mount is not None and mount.source == source_of(os.getpid()):
        mount.detach()


def _serve_in_background(made_of: LabOptions, folder: Path, invitation: str) -> int:
    """Serve from a process of its own; returns once the lab answers.

    Until then whatever that process and libfuse complain about comes here, and is the fault shown.
    """
    news, tell = os.pipe()
    log = _open_log()
    if os.fork() == 0:
        status = 1
        try:
            os.setsid()
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            _redirect({0: null, 1: null, 2: tell}, closing=[news, tell, null])
            logging.basicConfig(format=_LOG_FORMAT, stream=os.fdopen(log, "w", buffering=1))
            status = _serve(made_of, folder, lambda remark: _tell_ready(log, remark))
        except Problem as problem:
            os.write(2, f"{problem}\n".encode())
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", folder)
        finally:
            os._exit(status)
    os.close(tell)
    with os.fdopen(news, "rb") as stream:
        said = stream.read()
    if not said.endswith(_READY):
        faults = said.decode(errors="replace").split("\n")
        fault = ": ".join(reversed([line for line in faults if line]))
        raise Problem(fault or f"the lab did not start; see {_log_file()}")
    folder.stat()
    print(invitation + said.removesuffix(_READY).decode(errors="replace"), end="")
    return 0


def _tell_ready(log: int, remark: str) -> None:
    """Standard errors are the pipe to the starting process: say so there, then use the log."""
    os.write(2, b"\n".join([remark.encode(), _READY]) if remark else _READY)
    os.dup2(log, 2)


def _open_log() -> int:
    path = _log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise Problem(
            f"{path} can't be written ({error.strerror}); set XDG_STATE_HOME to another folder"
        ) from None


def _redirect(targets: dict[int, int], closing: list[int]) -> None:
    for target, source in targets.items():
        os.dup2(source, target)
    for descriptor in closing:
        os.close(descriptor)
