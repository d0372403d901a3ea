"""Workloads show what their stories say, and live on within bounds."""

from __future__ import annotations

import mmap
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import Machine
from engine.folio import PAGE_SIZE
from engine.scan_result import ScanResult
from engine.smaps import usage_of
from engine.versions import VERSIONS
from engine.workloads import WORKLOADS

SECOND = 1_000_000_000
MANUAL = (Path(__file__).parents[2] / "docs/workloads.md").read_text()
_R = ScanResult


def results(machine: Machine, seconds: int) -> Counter[ScanResult]:
    """How scans end in that much virtual time from now on."""
    named = {number: result for result, number in machine.kernel.version.results.items()}
    seen: Counter[ScanResult] = Counter()

    def probe(*arguments: int) -> None:
        seen[named[arguments[5]]] += 1

    machine.trace.mm_khugepaged_scan_pmd = machine.trace.mm_khugepaged_scan_file = probe
    machine.run_until(machine.now + seconds * SECOND)
    return seen


SHOWS = {
    "article": {_R.SUCCEED, _R.PMD_MAPPED, _R.EXCEED_SHARED_PTE, _R.EXCEED_SWAP_PTE},
    "database": {_R.SUCCEED, _R.PTE_MAPPED_HUGEPAGE, _R.EXCEED_SWAP_PTE},
    "fragmented": {_R.ALLOC_HUGE_PAGE_FAIL, _R.SUCCEED},
    "heap": {_R.SUCCEED, _R.EXCEED_NONE_PTE, _R.PMD_MAPPED},
    "idle": set(),
    "snapshots": {_R.EXCEED_SHARED_PTE, _R.SUCCEED, _R.PMD_MAPPED},
    "sparse": {_R.SUCCEED, _R.PMD_MAPPED},
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("workload", SHOWS)
def test_shows(version: str, workload: str) -> None:
    machine = Machine(version, workload=workload)
    seen = results(machine, 300)
    assert SHOWS[workload] <= set(seen)
    if workload == "heap":
        assert (_R.PAGE_LAZYFREE in seen) == (version == "7.3")
    assert bool(seen) == (workload != "idle")


@pytest.mark.parametrize("workload", sorted(SHOWS))
def test_stays_within_bounds(workload: str) -> None:
    """After an hour there is no more memory in use than after ten minutes, or hardly."""
    machine = Machine(workload=workload)
    peaks = []
    for minutes in (10, 50):
        peak = 0
        for _ in range(minutes):
            machine.run_until(machine.now + 60 * SECOND)
            peak = max(peak, machine.kernel.memory.pages_used)
        peaks.append(peak)
    assert peaks[1] <= peaks[0] * 1.3 + 600
    assert len(machine.processes) < 20
    assert len(machine.kernel.khugepaged.slots) < 20


@dataclass(frozen=True)
class Turn:
    """A knob of a story, and what it makes of the results."""

    workload: str
    turn: Callable[[Machine], None]
    appears: set[ScanResult]
    vanishes: set[ScanResult]


def knob(name: str, value: int) -> Callable[[Machine], None]:
    return lambda machine: setattr(machine.thp.khugepaged, name, value)


TURNS = [
    Turn("article", knob("max_ptes_none", 511), {_R.SUCCEED}, {_R.EXCEED_NONE_PTE}),
    Turn("database", knob("max_ptes_none", 0), {_R.EXCEED_NONE_PTE}, set()),
    Turn("fragmented", knob("alloc_sleep_millisecs", 300_000), set(), {_R.SUCCEED}),
    Turn("heap", knob("max_ptes_none", 511), {_R.SUCCEED}, {_R.EXCEED_NONE_PTE}),
    Turn("snapshots", knob("max_ptes_shared", 511), {_R.SUCCEED}, {_R.EXCEED_SHARED_PTE}),
    Turn("sparse", knob("max_ptes_none", 64), {_R.EXCEED_NONE_PTE}, {_R.SUCCEED}),
]


@pytest.mark.parametrize("case", TURNS, ids=lambda case: case.workload)
def test_knob_makes_a_difference(case: Turn) -> None:
    machine = Machine(workload=case.workload)
    machine.run_until(machine.now + 300 * SECOND)
    before = results(machine, 100)
    case.turn(machine)
    machine.run_until(machine.now + 20 * SECOND)
    after = results(machine, 100)
    assert case.appears <= set(after)
    for result in case.vanishes:
        assert after[result] < before[result] / 4


def test_host_has_this_process() -> None:
    size = 8 << 20
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for page in range(0, size // 2, PAGE_SIZE):
            memory[page] = 1
        machine = Machine(workload="host")
        process = machine.processes[os.getpid()]
        resident = sum(usage_of(process.mm, vma).rss for vma in process.mm.vmas)
        smaps = Path("/proc/self/smaps_rollup").read_text().splitlines()
    anonymous = next(int(line.split()[1]) for line in smaps if line.startswith("Anonymous:"))
    assert size >> 11 <= resident <= anonymous * 1.2 + 1024
    assert resident >= anonymous * 0.6
    assert process.comm in Path("/proc/self/status").read_text()
    assert "processes with" in machine.remark
    results(machine, 60)


@pytest.mark.parametrize("name", WORKLOADS)
def test_manual_tells_the_story(name: str) -> None:
    workload = WORKLOADS[name]
    assert f"| `{name}` | {workload.description} |\n" in MANUAL
    assert f"## {name}\n\n{workload.story.replace('``', '`')}\n" in MANUAL
