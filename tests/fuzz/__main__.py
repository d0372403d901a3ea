"""Asks labs for anything, and holds what they answer to what kernels might.

example: python -m tests.fuzz --seed 7 --inputs 100000 --kernel 7.3
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections import Counter

from tests.ending import Ending, Progress
from tests.fuzz.core import CoreLab
from tests.fuzz.generator import Generator
from tests.fuzz.mount import MountedLab
from tests.fuzz.sequence import Counts, play, shortest
from tracefs_fuse.cli.ending import Ended
from tracefs_fuse.tracing.versions import VERSIONS

_LENGTH = {CoreLab: 60, MountedLab: 300}
"""Requests that one lab gets."""


def main() -> int:
    options = _options()
    failed, ending = False, Ending()
    with ending.listens():
        for kernel in options.kernel or sorted(VERSIONS):
            run = _Run(options, kernel, ending)
            run.play()
            failed |= bool(run.failures)
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


class _Run:
    """The fuzzing of one kernel."""

    def __init__(self, options: argparse.Namespace, kernel: str, ending: Ending) -> None:
        lab: type[CoreLab] | type[MountedLab] = MountedLab if options.mount else CoreLab
        self._options = options
        self._kernel = kernel
        self._ending = ending
        self._make_target = functools.partial(lab, kernel)
        self._operations, self._length = lab.operations, _LENGTH[lab]
        self._number = options.sequence
        self._counts, self.failures = Counts(), Counter[str]()
        self._progress = Progress()

    def play(self) -> None:
        """Play sequences until there are inputs or failures enough, or a signal ends the run."""
        options, began = self._options, time.monotonic()
        try:
            while self._counts.inputs < options.inputs and len(self.failures) < options.failures:
                self._play_one()
                self._number += 1
        except Ended:
            print(f"\nended early; to go on: {self._arguments}")
            raise
        finally:
            played, seconds = self._number - options.sequence, time.monotonic() - began
            print(f"\n{self._kernel}: {self._counts.inputs} inputs in {played} sequences", end="")
            print(f" and {seconds:.0f} s; failures: {dict(self.failures) or 'none'}")
            _tell_counts(self._counts)

    @property
    def _arguments(self) -> str:
        """The options by which the sequence can be played again."""
        mount = "--mount " if self._options.mount else ""
        named = f"--seed {self._options.seed} --kernel {self._kernel} --sequence {self._number}"
        return mount + named

    def _play_one(self) -> None:
        seed = f"{self._options.seed} {self._kernel} {self._number}"
        requests = Generator(self._kernel, self._operations, seed).sequence(self._length)
        failure = play(self._make_target, requests, self._counts, self._before_each)
        if failure is None:
            return
        self.failures[failure.kind] += 1
        if self.failures[failure.kind] == 1:
            print(f"\nFAILED: {self._arguments}")
            print(f"{failure.kind}\n{failure.told}", flush=True)
            print("shortest:")
            for request in shortest(self._make_target, requests, failure, self._before_each):
                print(f"    {request}")

    def _before_each(self) -> None:
        self._ending.check()
        done = f"{self._counts.inputs} of {self._options.inputs} inputs"
        self._progress.tell(f"{self._kernel}: {done}; {self._arguments}")


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


if __name__ == "__main__":
    sys.exit(main())
