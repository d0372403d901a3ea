"""What a lab is made of, from the command line: what ``mount`` and ``shell`` have in common."""

from __future__ import annotations

import argparse

from engine.workloads import WORKLOADS
from tracefs_fuse.cli.lab import LabOptions
from tracefs_fuse.cli.scene import read_scene
from tracefs_fuse.tracing.versions import VERSIONS

_DEFAULTS = LabOptions()
_RELEASES = ", ".join(f"{name} is {version.point_release}" for name, version in VERSIONS.items())
_MAX_CPUS = 64
_MIN_SPEED, _MAX_SPEED = 0.001, 1000
"""At the highest, 64 bits of ns last for half a year, and the 59 between two records for days."""


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the lab is."""
    parser.add_argument(
        "--kernel",
        choices=list(VERSIONS),
        default=_DEFAULTS.kernel,
        help=f"the kernel to emulate: {_RELEASES} (default: %(default)s)",
    )
    parser.add_argument(
        "--cpus",
        type=_cpus,
        default=_DEFAULTS.cpus,
        metavar="N",
        help="number of CPUs (default: %(default)s)",
    )
    parser.add_argument(
        "--workload",
        choices=list(WORKLOADS),
        default=_DEFAULTS.workload,
        metavar="NAME",
        help=f"what the processes do: {', '.join(WORKLOADS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--scene",
        metavar="FILE",
        help="play this scene each second instead of a workload (see: tracefs-fuse scene -h)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=_DEFAULTS.seed,
        metavar="N",
        help="seed of the random numbers (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=_DEFAULTS.speed,
        metavar="X",
        help="virtual seconds in a real second (default: %(default)g)",
    )
    parser.add_argument(
        "--no-inject",
        dest="inject",
        action="store_false",
        help="leave out the inject files of events, as distributions' kernels do",
    )


def lab_options(options: argparse.Namespace) -> LabOptions:
    """What was asked for.  Raises Problem for a scene that can't be read."""
    return LabOptions(
        options.kernel,
        options.cpus,
        options.workload,
        options.seed,
        read_scene(options.scene) if options.scene else (),
        options.speed,
        options.inject,
    )


def life_of(options: argparse.Namespace) -> str:
    """What happens in the lab, in a few words."""
    return f"scene {options.scene}" if options.scene else f"workload {options.workload}"


def _cpus(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= _MAX_CPUS):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MAX_CPUS}, not {text!r}")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not _MIN_SPEED <= speed <= _MAX_SPEED:
        raise argparse.ArgumentTypeError(
            f"must be a number from {_MIN_SPEED} to {_MAX_SPEED}, not {text!r}"
        )
    return speed
