"""Puts a lab under load: 32 threads that read and write all files while events come.

example: python -m tests.load --minutes 3 --kernel 7.3
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from engine.workloads import WORKLOADS
from tests.ending import Ending, Progress
from tests.load.run import Account, Plan, Report, run
from tracefs_fuse.tracing.versions import VERSIONS

_DEFAULT = Plan()


def main() -> int:
    options, ending, progress = _options(), Ending(), Progress()
    plan = Plan(options.kernel, 60 * options.minutes, options.seed, options.workload, options.speed)

    def tell(text: str) -> bool:
        progress.tell(text)
        return not ending.came

    with ending.listens():
        report = run(plan, tell)
        _tell(report)
        for fault in report.faults:
            print(f"FAILED: {fault}")
        if ending.came:
            print(f"ended early; to repeat: {_arguments(plan)}")
        ending.check()
    return int(bool(report.faults))


def _arguments(plan: Plan) -> str:
    """The options of a run."""
    return (
        f"--minutes {plan.seconds / 60:g} --seed {plan.seed} --kernel {plan.kernel} "
        f"--workload {plan.workload} --speed {plan.speed:g}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load",
        description="Puts a lab under load, and checks that it answers all and loses nothing.",
        epilog="example: python -m tests.load --minutes 3 --kernel 7.3",
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (%(default)g)")
    parser.add_argument(
        "--seed", type=int, default=_DEFAULT.seed, help="what the requests are made from"
    )
    parser.add_argument(
        "--kernel", choices=sorted(VERSIONS), default=_DEFAULT.kernel, help="%(default)s"
    )
    parser.add_argument(
        "--workload", choices=sorted(WORKLOADS), default=_DEFAULT.workload, help="%(default)s"
    )
    parser.add_argument(
        "--speed", type=float, default=_DEFAULT.speed, help="virtual seconds a second (%(default)g)"
    )
    return parser.parse_args()


def _tell(report: Report) -> None:
    print(f"{sum(report.counts.values())} requests in {report.seconds:.0f} s")
    for operation, count in report.counts.most_common():
        errors = " ".join(
            f"{name.split()[1]}:{number}"
            for name, number in report.errors.most_common()
            if name.split()[0] == operation
        )
        slowest = report.slowest.get(operation, 0)
        print(f"  {operation:10} {count:8}  slowest {slowest:6.2f} s  {errors}")
    names = [field.name for field in dataclasses.fields(Account)]
    print(f"  {'':10}" + "".join(f"{name:>15}" for name in names))
    for stage, account in report.accounts.items():
        print(f"  {stage:10}" + "".join(f"{getattr(account, name):15}" for name in names))
    memory = report.memory
    if memory is not None and memory.samples:
        second, last = memory.thirds()
        most = max(kb for _, kb in memory.samples)
        print(
            f"  memory: {memory.samples[0][1]} kB at first, {second} and {last} kB in the second "
            f"and last third, {most} kB at most (bound {memory.bound_kb}); "
            f"{memory.threads} threads at most"
        )


if __name__ == "__main__":
    sys.exit(main())
