"""Knobs that are written through a mount act in the next round."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import MountLab
from tracefs_fuse.tracing.events.huge_memory import STATUS

PATIENCE = 20
"""Seconds."""

FULL = "map anon 1\nwrite 0 511\n"
PART = "map anon 1\nwrite 0 127\n"
SWAPPED = f"swap on\n{FULL}advise pageout 0 31\n"
SHARED = f"{FULL}fork idle\nwrite 0 411\n"
MEMFD = "map shmem 1\nwrite 0 127\n"
NOTHING: frozenset[str] = frozenset()
ENTRY = re.compile(r"\{ (?:status|result): +(\d+) \}")


@dataclass(frozen=True)
class Turn:
    """A knob, and what a scene gives before and after it was turned."""

    scene: str
    knob: str
    value: str
    before: frozenset[str]
    after: frozenset[str]


def turn(scene: str, knob: str, value: str, before: str, after: str = "") -> Turn:
    return Turn(f"{scene}enter\n", knob, value, frozenset({before}), frozenset(after.split()))


TURNS = [
    turn(PART, "khugepaged/max_ptes_none", "0", "succeeded", "exceed_none_pte"),
    turn(MEMFD, "khugepaged/max_ptes_none", "0", "succeeded", "exceed_none_pte"),
    turn(SWAPPED, "khugepaged/max_ptes_swap", "31", "succeeded", "exceed_swap_pte"),
    turn(SHARED, "khugepaged/max_ptes_shared", "99", "succeeded", "exceed_shared_pte"),
    turn(f"fragment 0 1\n{FULL}", "khugepaged/defrag", "0", "succeeded", "alloc_huge_page_failed"),
    turn(FULL, "enabled", "never", "succeeded"),
    turn(FULL, "hugepages-2048kB/enabled", "never", "succeeded"),
    turn(MEMFD, "shmem_enabled", "deny", "succeeded"),
    turn(MEMFD, "hugepages-2048kB/shmem_enabled", "never", "succeeded"),
    turn(PART, "enabled", "always", "succeeded", "page_pmd_mapped"),
]


def write(file: Path, text: str) -> None:
    """As the shell's ``>>`` does: truncating would remove a trigger."""
    with file.open("a") as opened:
        opened.write(f"{text}\n")


def seen(lab: Path, kernel: str) -> set[str]:
    """The results in both histograms since they were cleared."""
    events = lab / "sys/kernel/tracing/events/huge_memory"
    found = set()
    for event, field in (("scan_pmd", "status"), ("scan_file", "result")):
        folder = events / f"mm_khugepaged_{event}"
        found |= {STATUS[kernel][int(n)] for n in ENTRY.findall((folder / "hist").read_text())}
        write(folder / "trigger", f"hist:keys={field}:clear")
    return found


def wait_for(lab: Path, kernel: str, wanted: frozenset[str]) -> set[str]:
    """What is seen in some rounds once there is nothing else than what is wanted."""
    deadline = time.monotonic() + PATIENCE
    found: set[str] = {"nothing yet"}
    while found != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
        found = seen(lab, kernel)
    return found


@pytest.mark.parametrize("kernel", ["6.12", "7.3"])
@pytest.mark.parametrize("case", TURNS, ids=lambda case: f"{case.knob}={case.value}")
def test_acts_at_once(mount_lab: MountLab, tmp_path: Path, kernel: str, case: Turn) -> None:
    scene = tmp_path / "scene"
    scene.write_text(case.scene)
    lab = mount_lab("--kernel", kernel, "--scene", str(scene), "--speed", "100")
    events = lab / "sys/kernel/tracing/events/huge_memory"
    write(events / "mm_khugepaged_scan_pmd/trigger", "hist:keys=status")
    write(events / "mm_khugepaged_scan_file/trigger", "hist:keys=result")
    assert wait_for(lab, kernel, case.before) == case.before
    write(lab / "sys/kernel/mm/transparent_hugepage" / case.knob, case.value)
    assert wait_for(lab, kernel, case.after) == case.after
