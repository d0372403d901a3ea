"""The kernel's own test of khugepaged, played on the engine.

The cases are those of tools/testing/selftests/mm/khugepaged.c, and with them goes what
mm/khugepaged.c traces.  Memory has no contents here: that they survive is not tested.  Kernels that
reclaim with lru_gen count more pages of a child as referenced from 7.3 on, since a fault marks what
it brings; here, as with /sys/kernel/mm/lru_gen/enabled at 0, only page table entries tell.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.functional.plays import Play, plays
from tracefs_fuse.cli.scene_document import Player

_PLAYS = list(plays())


@pytest.mark.parametrize("play", _PLAYS, ids=[play.name for play in _PLAYS])
def test_functional(play: Play) -> None:
    """How many huge pages there are, what madvise(2) returned, and what was traced."""
    played = Player(play.version).play({"script": play.steps})
    assert played["said"] == play.said
    seen = [event for event in played["events"] if event[1] != "mm_khugepaged_scan"]
    told = [_told(event, line) for event, line in zip(seen, play.events, strict=False)]
    assert told + seen[len(told) :] == play.events


def _told(event: list[Any], line: str) -> str:
    """Of an event those fields that a line tells of."""
    who, name, fields = event
    told = [part.split("=")[0] for part in line.split()[2:]]
    return " ".join([who, name, *(f"{key}={fields.get(key)}" for key in told)])
