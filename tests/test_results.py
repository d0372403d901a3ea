"""Each result of each kernel version, on a real mount, read in hist; and the manual's table."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from engine.scan_result import ScanResult
from engine.scene.showcases import SHOWCASES, UNTRACED
from engine.versions import VERSIONS
from tests.conftest import MountLab, run_command
from tracefs_fuse.tracing.events.huge_memory import STATUS

MANUAL = (Path(__file__).parents[1] / "docs/results.md").read_text()
EVENTS = {"mm_khugepaged_scan_pmd": "status", "mm_khugepaged_scan_file": "result"}
ENTRY = re.compile(r"\{ (?:status|result): +(\d+) \}")
PATIENCE = 30
"""Seconds."""


@pytest.mark.parametrize("kernel", VERSIONS)
def test_all_are_seen(mount_lab: MountLab, kernel: str) -> None:
    lab = mount_lab("--kernel", kernel, "--workload", "results", "--speed", "100")
    events = lab / "sys/kernel/tracing/events/huge_memory"
    for event, field in EVENTS.items():
        (events / event / "trigger").write_text(f"hist:keys={field}")
    results = VERSIONS[kernel].results
    wanted = {number for result, number in results.items() if result not in UNTRACED}
    seen: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while not wanted <= seen and time.monotonic() < deadline:
        time.sleep(0.1)
        texts = [(events / event / "hist").read_text() for event in EVENTS]
        seen |= {int(number) for text in texts for number in ENTRY.findall(text)}
    assert seen == wanted


def test_each_has_a_scene_or_a_reason() -> None:
    assert {*SHOWCASES, *UNTRACED} == set(ScanResult)
    assert not {*SHOWCASES} & {*UNTRACED}


@pytest.mark.parametrize("result", ScanResult)
def test_manual_has_a_line(result: ScanResult) -> None:
    having = {kernel: v for kernel, v in VERSIONS.items() if result in v.results}
    name = {STATUS[kernel][version.results[result]] for kernel, version in having.items()}
    numbers = [str(version.results.get(result, "-")) for version in VERSIONS.values()]
    showcase = SHOWCASES.get(result)
    scene = f"`{'; '.join(showcase.script)}`" if showcase else "never traced"
    life = showcase.life if showcase else UNTRACED[result]
    assert f"| `{name.pop()}` | {' | '.join(numbers)} | {life} | {scene} |\n" in MANUAL
    assert not name


@pytest.mark.parametrize("kernel", VERSIONS)
def test_command_lists_and_plays(kernel: str) -> None:
    listed = run_command("results", "--kernel", kernel)
    assert listed.returncode == 0
    for number, name in STATUS[kernel].items():
        assert re.search(rf"^ ?{number} {name} ", listed.stdout, re.M)
    played = run_command("results", "--kernel", kernel, "exceed_swap_pte")
    assert "advise pageout 0 99\n" in played.stdout
    assert "status=exceed_swap_pte" in played.stdout
    refused = run_command("results", "--kernel", kernel, "nonsense")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"tracefs-fuse: kernel {kernel} has no result nonsense; see:")
