"""What real kernels answered, asked of the trees of pseudo-files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.replay import Client, differences
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
    """The cases of a recording, in their order: a few leave an instance that the next one meets."""
    recording = json.loads(document.read_text())
    client = client_for(recording["kernel"])
    failures = {}
    before = ""
    for case in recording["cases"]:
        if not _follows(case["name"], before):
            client = client_for(recording["kernel"])
        if said := differences(client, case):
            failures[case["name"]] = said
        before = case["name"]
    assert recording["cases"]
    assert not failures, _told(failures)


def _follows(name: str, before: str) -> bool:
    """True if a case was recorded right after another one; some walks are left out."""
    walk, _, number = name.rpartition(".")
    return not number.isdecimal() or before == f"{walk}.{int(number) - 1}"
