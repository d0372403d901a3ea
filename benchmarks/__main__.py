"""``python -m benchmarks``: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import core, mounted, rounds
from benchmarks.comparison import Figure, measure

COMPARISONS = (*core.COMPARISONS, *rounds.COMPARISONS, *mounted.COMPARISONS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What the lab costs: each figure is a ratio to a floor of the same run.",
        epilog="example: python -m benchmarks --json figures.json hist",
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="only rows with such a word")
    parser.add_argument("--turns", type=int, default=7, metavar="N", help="of each row (7)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    chosen = [
        comparison
        for comparison in COMPARISONS
        if not options.words or any(word in comparison.what for word in options.words)
    ]
    if not chosen:
        parser.error(f"no row with such a word: {' '.join(options.words)}")
    print(f"{'what':<44} {'floor':<40} {'ratio':>7} {'goal':>5} {'lab':>10} {'floor':>10}")
    figures = []
    for comparison in chosen:
        if sys.stderr.isatty():
            print(f"\033[K{comparison.what} ...", end="\r", file=sys.stderr, flush=True)
        figures.append(measure(comparison, options.turns))
        print(_row(figures[-1]), flush=True)
    if options.json is not None:
        rows = [asdict(figure) for figure in figures]
        made_on = {"python": platform.python_version(), "machine": platform.platform()}
        options.json.write_text(json.dumps({**made_on, "figures": rows}, indent=1) + "\n")
    return 0


def _row(figure: Figure) -> str:
    mark = " " if figure.is_met else "!"
    return (
        f"{figure.what:<44} {figure.floor:<40} {figure.ratio:>6.2f}{mark} {figure.goal:>5g} "
        f"{_time(figure.seconds):>10} {_time(figure.floor_seconds):>10}"
    )


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


if __name__ == "__main__":
    sys.exit(main())
