"""``tracefs-fuse workloads``: what the processes of a lab can be doing."""

from __future__ import annotations

import argparse
from typing import Any

from engine.workloads import WORKLOADS
from tracefs_fuse.cli.problems import Problem


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "workloads",
        help="list what the processes of a lab can be doing",
        description="List the workloads that mount takes; given a NAME, say what it shows and "
        "which knobs make a difference.",
        epilog="example: tracefs-fuse workloads sparse",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="a workload")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.name is None:
        for name, workload in WORKLOADS.items():
            print(f"{name:<12} {workload.description}")
        return 0
    if options.name not in WORKLOADS:
        raise Problem(f"there is no workload {options.name}; see: tracefs-fuse workloads")
    print(WORKLOADS[options.name].story.replace("``", ""))
    return 0
