"""Asks labs for anything, and holds what they answer to what kernels might.

example: python -m tests.fuzz --seed 7 --inputs 100000 --kernel 7.3
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections import Counter

from tests.fuzz.core import CoreLab
from tests.fuzz.generator import Generator
from tests.fuzz.mount import MountedLab
from tests.fuzz.sequence import Counts, play, shortest
from tracefs_fuse.tracing.versions import VERSIONS

_LENGTH = {CoreLab: 60, MountedLab: 300}
"""Requests before the lab is made anew."""


def main() -> int:
    options = _options()
    lab: type[CoreLab] | type[MountedLab] = MountedLab if options.mount else CoreLab
    failed = False
    for kernel in options.kernel or sorted(VERSIONS):
        failed |= _run(options, kernel, lab)
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Asks labs for anything, and holds the answers to what kernels might say.",
        epilog="example: python -m tests.fuzz --seed 7 --inputs 100000 --kernel 7.3",
    )
    parser.add_argument("--seed", type=int, default=0, help="what the requests are made from")
    parser.add_argument(
        "--inputs", type=int, default=10000, help="requests to make of each kernel (10000)"
    )
    parser.add_argument(
        "--kernel", action="append", choices=sorted(VERSIONS), help="one kernel, not all of them"
    )
    parser.add_argument("--mount", action="store_true", help="ask labs that are mounted")
    parser.add_argument(
        "--sequence", type=int, default=0, help="begin with this sequence of the seed (0)"
    )
    parser.add_argument(
        "--failures", type=int, default=1, help="end after so many different failures (1)"
    )
    return parser.parse_args()


def _run(options: argparse.Namespace, kernel: str, lab: type[CoreLab] | type[MountedLab]) -> bool:
    """Fuzz one kernel; returns whether anything failed."""
    counts, failures, began = Counts(), Counter[str](), time.monotonic()
    make_target = functools.partial(lab, kernel)
    number = options.sequence
    while counts.inputs < options.inputs and len(failures) < options.failures:
        seed = f"{options.seed} {kernel} {number}"
        requests = Generator(kernel, lab.operations, seed).sequence(_LENGTH[lab])
        failure = play(make_target, requests, counts)
        if failure is not None:
            failures[failure.kind] += 1
            if failures[failure.kind] == 1:
                print(f"\nFAILED: --seed {options.seed} --kernel {kernel} --sequence {number}")
                print(f"{failure.kind}\n{failure.told}", flush=True)
                print("shortest:")
                for request in shortest(make_target, requests, failure):
                    print(f"    {request}")
        number += 1
        _progress(f"{kernel}: {counts.inputs} of {options.inputs}")
    seconds = time.monotonic() - began
    print(f"\n{kernel}: {counts.inputs} inputs in {number - options.sequence} sequences", end="")
    print(f" and {seconds:.0f} s; failures: {dict(failures) or 'none'}")
    _tell_counts(counts)
    return bool(failures)


def _tell_counts(counts: Counts) -> None:
    for operation, count in counts.operations.most_common():
        statuses = Counter[str]()
        for (of, _, status), seen in counts.statuses.items():
            statuses[status] += seen if of == operation else 0
        print(f"  {operation:10} {count:7}  {_told(statuses)}")
    kinds: dict[str, Counter[str]] = {}
    for (_, kind, status), seen in counts.statuses.items():
        if kind:
            kinds.setdefault(kind, Counter())[status] += seen
    for kind, statuses in sorted(kinds.items()):
        print(f"    write {kind:22} {_told(statuses)}")


def _told(statuses: Counter[str]) -> str:
    return " ".join(f"{status}:{count}" for status, count in statuses.most_common() if count)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
