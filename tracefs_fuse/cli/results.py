"""``tracefs-fuse results``: how a collapse can end, and a scene that shows it."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import Any

from engine.scan_result import ScanResult
from engine.scene.showcases import UNTRACED, showcases
from engine.versions import VERSIONS
from tracefs_fuse.cli.lab import LabOptions
from tracefs_fuse.cli.problems import Problem
from tracefs_fuse.cli.scene import play_scene
from tracefs_fuse.tracing.events.huge_memory import STATUS

_INDENT = 36


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "results",
        help="list how a collapse can end, and show it",
        description="List the results that khugepaged's events name, with their numbers and when "
        "they happen.  Given a NAME, print the scene that provokes it, and play it.",
        epilog="example: tracefs-fuse results --kernel 7.3 exceed_none_pte",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="a result, as events name it")
    parser.add_argument(
        "--kernel",
        choices=list(VERSIONS),
        default=LabOptions.kernel,
        help="the kernel to be (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    version = VERSIONS[options.kernel]
    names = {STATUS[options.kernel][n]: result for result, n in version.results.items()}
    if options.name is None:
        width = max(shutil.get_terminal_size().columns, _INDENT + 30)
        for name, result in names.items():
            _print_line(version.results[result], name, _life(options.kernel, result), width)
        return 0
    chosen = names.get(options.name)
    if chosen is None:
        raise Problem(
            f"kernel {options.kernel} has no result {options.name}; "
            f"see: tracefs-fuse results --kernel {options.kernel}"
        )
    showcase = showcases(version).get(chosen)
    if showcase is None:
        raise Problem(f"{options.name} is in no event: {UNTRACED[chosen]}")
    print(f"# {showcase.life}")
    print("\n".join(showcase.script), end="\n\n")
    play_scene(options.kernel, ["watch", *showcase.script])
    return 0


def _life(kernel: str, result: ScanResult) -> str:
    showcase = showcases(VERSIONS[kernel]).get(result)
    return f"(never traced) {UNTRACED[result]}" if showcase is None else showcase.life


def _print_line(number: int, name: str, life: str, width: int) -> None:
    first, *rest = textwrap.wrap(life, width - _INDENT)
    print(f"{number:>2} {name:<{_INDENT - 4}} {first}")
    for line in rest:
        print(" " * _INDENT + line)
