"""Scenes recorded from real kernels, played on the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.scan_result import ScanResult
from engine.scene import Event, Player
from engine.tracepoints import NO_PFN
from engine.versions import VERSIONS
from tracefs_fuse.tracing.events.huge_memory import STATUS, definitions

SCENES = Path(__file__).with_name("scenes")

COUNTED = frozenset({"7.3"})
"""Kernels whose recordings have the counters of /proc/vmstat too."""


def recorded() -> list[Any]:
    documents = [json.loads(path.read_text()) for path in sorted(SCENES.glob("*.json"))]
    return [
        pytest.param(document["kernel"], scene, id=f"{document['kernel']} {scene['name']}")
        for document in documents
        for scene in document["scenes"]
    ]


def as_recorded(version: str, events: list[Event]) -> list[list[Any]]:
    """Events as a recording has them: names of results, kinds of page numbers, mms by number."""
    fields = {d.name: {name for _, name in d.fields} for d in definitions(version)}
    mms: dict[int, str] = {}
    shown = []
    for name, arguments in events:
        values = {}
        for field, value in arguments.items():
            if field not in fields[name]:
                continue
            if field == "mm":
                values["mm"] = mms.setdefault(value, f"mm{len(mms)}")
            elif field == "pfn":
                values["scan_pfn"] = {NO_PFN: "-1", 0: "0"}.get(value, "pfn")
            elif field == "status":
                values["status"] = STATUS[version][value]
            else:
                values[field] = str(value)
        shown.append(["khugepaged", name, values])
    return shown


@pytest.mark.parametrize(("version", "scene"), recorded())
def test_scene(version: str, scene: dict[str, Any]) -> None:
    outcome = Player(version).play(scene["script"])
    assert as_recorded(version, outcome.events) == scene["events"]
    assert outcome.said == scene["said"]
    if version in COUNTED:
        assert outcome.vmstat == scene["vmstat"]


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_of_results_are_those_that_events_name(version: str) -> None:
    """The engine's numbers and the core's names of them are one enumeration."""
    numbers = VERSIONS[version].results
    assert sorted(numbers.values()) == list(STATUS[version])
    assert STATUS[version][numbers[ScanResult.PMD_MAPPED]] == "page_pmd_mapped"
    assert STATUS[version][numbers[ScanResult.CGROUP_CHARGE_FAIL]] == "ccgroup_charge_failed"
    assert STATUS[version][numbers[ScanResult.STORE_FAILED]] == "store_failed"
