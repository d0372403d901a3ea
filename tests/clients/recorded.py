"""What clients printed on Debian's kernels, and how it is held against what they print in a lab.

What differs between any two runs is taken out of both sides.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

SESSIONS = Path(__file__).parent / "sessions"

NOISE = [
    (re.compile(r"^ *\S.{0,15}-\d+ +(\[\d{3}\])( [^ ]{5})? +\d+\.\d{6}: ", re.M), "TASK: "),
    (
        re.compile(r"^(\w+: +)?\S+-\d+ +(\d|\[\d{3}\])( +[^ ]{5,6})? +\d+\.\d{6}: ", re.M),
        r"\1TASK: ",
    ),
    (re.compile(r"\[ *\d+\.\d{6}\]"), "[TIME]"),
    (re.compile(r"^CPU\d data recorded at .*\n.* bytes in size.*\n", re.M), ""),
    (re.compile(r"^ID: \d+$", re.M), "ID: N"),
    (re.compile(r"__(\w+)_\d+_(\d)\b"), r"__\1_PID_\2"),
    (re.compile(r"(, |up )\d.* s, .*B/s"), r"\1IN TIME"),
    (re.compile(r"^dd: trace: cannot skip to specified offset\n", re.M), ""),
    (re.compile(r"\bsed\w{6}\b"), "sedXXXXXX"),
    (re.compile(r"Error reading stack tracer status\n\n"), ""),
    (re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]"), ""),
]
"""Tasks, CPUs, times, ids, names that libtracefs makes up, a complaint about a stack tracer, and
that of Debian 12's dd about a skip which works after all (Debian 13's has none)."""


def normal(text: str) -> list[str]:
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text.splitlines()


def recorded(session: str, kernel: str) -> str:
    return SESSIONS.joinpath(f"{session}-{kernel}.txt").read_text("latin-1")


def compare(recorded: str, said: str) -> None:
    differing = difflib.unified_diff(normal(recorded), normal(said), "kernel", "lab", "", "", 8, "")
    assert not (lines := list(differing)), "\n".join(lines)
