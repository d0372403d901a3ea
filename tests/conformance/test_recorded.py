"""What real kernels answered, asked of the trees of pseudo-files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.replay import Case, Client, differences, left_over
from tracefs_fuse.files.node import Request
from tracefs_fuse.files.tracefs import tracefs_tree
from tracefs_fuse.tracing.source import ManualSource
from tracefs_fuse.tracing.tracing import Tracing

CASES = Path(__file__).with_name("cases")
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


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.stem)
def test_answers(document: Path) -> None:
    """All cases of a recording, in its order: what one leaves behind the next one meets."""
    recorded = json.loads(document.read_text())
    client = client_for(recorded["kernel"])
    failures: dict[str, list[str]] = {}
    cases: list[Case] = recorded["cases"]
    for case in cases:
        said = differences(client, case)
        if said and not left_over(case):
            failures[case["name"]] = said
    assert not failures, "\n".join(
        f"## {name}\n" + "\n".join(said) for name, said in failures.items()
    )
