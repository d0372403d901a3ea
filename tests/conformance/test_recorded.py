"""What real kernels answered, asked of the trees of pseudo-files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.replay import Client, differences
from tests.tracing.hist.recorded import recordings
from tracefs_fuse.files.node import Request
from tracefs_fuse.files.tracefs import tracefs_tree
from tracefs_fuse.tracing.source import ManualSource
from tracefs_fuse.tracing.tracing import Tracing
from tracefs_fuse.tracing.versions import VERSIONS

CASES = Path(__file__).with_name("cases")
ASKED = Path(__file__).with_name("asked")
"""Random requests, asked of stock kernels: they have no ``inject``, so markers make the events."""

RECORDER_PID = 1
"""The recordings were made by init, and some filters name its pid."""

BETWEEN_REQUESTS = 100_000
"""Nanoseconds."""

BOOT = 10_000_000_000


def documents() -> list[Path]:
    return sorted(CASES.glob("*.json"))


def client_for(version: str) -> Client:
    """A client of a fresh tree whose time goes on with each request."""
    source = ManualSource(now=BOOT)

    def tick() -> None:
        source.now += BETWEEN_REQUESTS

    return Client(tracefs_tree(Tracing(version, source)), Request(RECORDER_PID), tick)


OTHERWISE = {
    "hist modifier: filename.log2": "the kernel's key holds what was on its stack before",
    "6.12 inject: while disabled": "a trigger of an earlier case held the event in soft mode",
}
"""Cases whose answers are not a rule of the kernel."""


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_random_requests(version: str) -> None:
    document = json.loads((ASKED / f"{version}.json").read_text())
    failures = {
        case["name"]: said
        for case in document["cases"]
        if (said := differences(client_for(version), case))
    }
    assert not failures, _told(failures)


def _told(failures: dict[str, list[str]]) -> str:
    return "\n".join(f"## {name}\n" + "\n".join(said) for name, said in failures.items())


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.stem)
def test_answers(document: Path) -> None:
    """All cases of a recording that began from defaults.

    Others met triggers that the recorder could not remove; the tests of histograms play those.
    """
    failures = {}
    played = 0
    for recording in recordings(document.stem):
        name = recording.case["name"]
        if recording.left_over or {name, f"{recording.version} {name}"} & set(OTHERWISE):
            continue
        played += 1
        said = differences(client_for(recording.version), recording.case)
        if said:
            failures[name] = said
    assert played
    assert not failures, _told(failures)
