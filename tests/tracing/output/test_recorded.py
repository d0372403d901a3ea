"""Traces as recorded from kernels, to the byte: events made at the recorded times show the same."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.output.lab import INIT, OutputLab
from tracefs_fuse.tracing.numbers import parse_unsigned
from tracefs_fuse.tracing.output import (
    TraceText,
    header_event_text,
    header_page_text,
    snapshot_help_text,
)
from tracefs_fuse.tracing.versions import VERSIONS

CASES = Path(__file__).parents[2] / "conformance" / "cases"
RECORDED = ("7.3", "6.12")

STAMPS: list[tuple[re.Pattern[str], Callable[[re.Match[str]], int]]] = [
    (re.compile(r"^ +init-1 .*? +(\d+)\.(\d{6}): ", re.M), lambda m: int(m[1] + m[2]) * 1000),
    (re.compile(r"^ +init-1 .*? (\d+)us.: ", re.M), lambda m: int(m[1]) * 1000),
    (re.compile(r"^00000001 00000000 ([0-9a-f]{16}) ", re.M), lambda m: int(m[1], 16)),
]
"""Where a line shows its time, in nanoseconds."""

NOISE = [
    (re.compile(r"\bmm=(?!0{16})[0-9a-f]{16}"), "mm=HASH"),
    (re.compile(r"type: \d{3}$", re.M), "type: ID"),
    (re.compile(r"-(oracle|lab)$", re.M), ""),
    (re.compile(r"\((-{7}|      1)\)"), "(TGID)"),
]
"""What the recorded kernels' builds made different, and when they learned of a task's group."""


def cases(name: str) -> list[Any]:
    return [
        pytest.param(version, case, id=f"{version} {case['name']}")
        for version in RECORDED
        for case in json.loads((CASES / f"{version}-{name}.json").read_text())["cases"]
    ]


def normal(text: str) -> str:
    for pattern, replacement in NOISE:
        text = pattern.sub(replacement, text)
    return text


def stamps(case: dict[str, Any]) -> list[int]:
    """When the events happened that the case's traces show."""
    found: list[int] = []
    for step in case["steps"]:
        for pattern, stamp in STAMPS:
            times = [stamp(match) for match in pattern.finditer(step.get("text", ""))]
            found = times if len(times) > len(found) else found
    return found


class Player:
    """Makes a recorded case's requests of the core."""

    def __init__(self, version: str, case: dict[str, Any]) -> None:
        self.lab = OutputLab(version)
        self.lab.tracing.cmdlines.record_comm(INIT)  # known from the cases before
        self.times = stamps(case)

    def play(self, step: dict[str, Any]) -> str:
        verb, path, *rest = step["do"]
        names = path.split("/")
        if verb == "write":
            self._write(names, rest[0])
            return ""
        if verb == "nread":
            return self.lab.pipe().read(65536).decode("latin-1")
        if names[0] == "options":
            return f"{int(names[1] in self.lab.top.options)}\n"
        if path == "tracing_on":
            return f"{int(self.lab.top.tracing_on)}\n"
        if path == "snapshot":
            return self._snapshot()
        assert path == "trace"
        return self.lab.trace()

    def _snapshot(self) -> str:
        buffer = self.lab.top.snapshot_buffer
        if not any(ring.entries for ring in buffer.cpus):
            return snapshot_help_text(self.lab.top, per_cpu=False)
        return "".join(TraceText(self.lab.top, lambda: buffer, buffer.cpus, latency=False))

    def _write(self, names: list[str], text: str) -> None:
        lab = self.lab
        if names[-1] == "enable":
            lab.enable(names[2])
        elif names[-1] == "inject":
            lab.inject(names[2], text, self._time())
            self._happened()
        elif names[-1] == "trace_marker":
            lab.mark(text.encode(), self._time())
            self._happened()
        elif names[0] == "options":
            lab.top.options.write_file(names[1], text)
        elif names[0] == "snapshot":
            lab.top.write_snapshot(text)
        else:
            lab.top.tracing_on = parse_unsigned(text) != 0

    def _time(self) -> int:
        return self.times[0] if self.times else 0

    def _happened(self) -> None:
        """What is recorded has taken its time stamp."""
        if self.lab.top.tracing_on:
            del self.times[:1]


@pytest.mark.parametrize(("version", "case"), [*cases("trace"), *cases("snapshot")])
def test_trace_and_snapshot(version: str, case: dict[str, Any]) -> None:
    player = Player(version, case)
    compared = 0
    for step in case["steps"]:
        if step["status"] != "OK":
            with pytest.raises(OSError, match=os.strerror(getattr(errno, step["status"]))):
                player.play(step)
            continue
        assert normal(player.play(step)) == normal(step.get("text", ""))
        compared += bool(step.get("text"))
    assert compared


@pytest.mark.parametrize(("version", "case"), cases("headers"))
def test_headers_of_raw_pages(version: str, case: dict[str, Any]) -> None:
    texts = {step["do"][1]: step["text"] for step in case["steps"]}
    assert texts == {
        "events/header_page": header_page_text(VERSIONS[version], 0),
        "events/header_event": header_event_text(),
    }


def test_header_page_follows_the_size_of_sub_buffers() -> None:
    text = header_page_text(VERSIONS["6.1"], 2)
    assert text.endswith("\tfield: char data;\toffset:16;\tsize:16368;\tsigned:1;\n")
