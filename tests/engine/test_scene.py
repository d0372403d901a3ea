"""Scenes recorded from real kernels, played on the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.scan_result import ScanResult
from engine.versions import VERSIONS
from tracefs_fuse.cli.scene_document import Player, differences
from tracefs_fuse.tracing.events.huge_memory import STATUS

SCENES = sorted(Path(__file__).with_name("scenes").glob("*.json"))


@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_scenes(path: Path) -> None:
    """All scenes of a document in turn: what outlives a process matters to those that follow."""
    document: dict[str, Any] = json.loads(path.read_text())
    player = Player(document["kernel"])
    counters = any(scene["vmstat"] for scene in document["scenes"])
    failed = {}
    for scene in document["scenes"]:
        found = differences(scene, player.play(scene), counters=counters)
        if found:
            failed[scene["name"]] = found
    assert not failed


@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_of_results_are_those_that_events_name(version: str) -> None:
    """The engine's numbers and the core's names of them are one enumeration."""
    numbers = VERSIONS[version].results
    assert sorted(numbers.values()) == list(STATUS[version])
    assert STATUS[version][numbers[ScanResult.PMD_MAPPED]] == "page_pmd_mapped"
    assert STATUS[version][numbers[ScanResult.CGROUP_CHARGE_FAIL]] == "ccgroup_charge_failed"
    assert STATUS[version][numbers[ScanResult.STORE_FAILED]] == "store_failed"
