"""Machines in virtual time: what their khugepaged does when, and that it can be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from engine import Machine
from engine.fault import touch
from engine.folio import HPAGE_PMD_SIZE
from engine.memory import Fragmentation
from engine.mmap import mmap
from engine.scan_result import ScanResult
from engine.smaps import usage_of
from engine.tracepoints import TRACEPOINTS
from engine.versions import VERSIONS

SECOND = 1_000_000_000
BASE = 0x7F0000000000
ARTICLE = {
    ScanResult.SUCCEED,
    ScanResult.PMD_MAPPED,
    ScanResult.EXCEED_NONE_PTE,
    ScanResult.EXCEED_SWAP_PTE,
    ScanResult.EXCEED_SHARED_PTE,
}


def listen(machine: Machine, heard: Callable[[int, ScanResult], None]) -> None:
    """Hear the mm and the result of each range that is scanned."""
    results = {number: result for result, number in machine.kernel.version.results.items()}

    def probe(*arguments: int) -> None:
        heard(arguments[0], results[arguments[5]])

    machine.trace.mm_khugepaged_scan_pmd = probe


def scanned(machine: Machine, seconds: float) -> list[tuple[int, ScanResult]]:
    """What is scanned in that much virtual time from now on."""
    seen: list[tuple[int, ScanResult]] = []
    listen(machine, lambda mm, result: seen.append((mm, result)))
    machine.run_until(machine.now + int(seconds * SECOND))
    return seen


def idle_machine() -> Machine:
    machine = Machine(workload="idle")
    machine.thp.khugepaged.scan_sleep_millisecs = 1000
    return machine


def user(machine: Machine, comm: str, *, pages: int = HPAGE_PMD_SIZE) -> Any:
    """A process with one range of small pages that khugepaged knows."""
    machine.thp.fault_allocates = False
    process = machine.spawn(comm)
    mmap(process.mm, BASE, HPAGE_PMD_SIZE)
    touch(process.mm, BASE, BASE + pages, write=True)
    return process


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("start", [0, 33, 250])
def test_article_shows_each_result(version: str, start: int) -> None:
    """In any hundred virtual seconds, page_pmd_mapped by far the most often."""
    machine = Machine(version)
    machine.run_until(machine.now + start * SECOND)
    counts = Counter(result for _, result in scanned(machine, 100))
    nothing = {ScanResult.PMD_NONE, ScanResult.NO_PTE_TABLE} & set(machine.kernel.version.results)
    assert set(counts) >= ARTICLE | nothing
    assert counts.most_common(1)[0][0] is ScanResult.PMD_MAPPED
    assert counts[ScanResult.PMD_MAPPED] > sum(counts.values()) / 2
    assert sum(counts.values()) > 400


def test_same_seed_same_events() -> None:
    def events(seed: int) -> list[tuple[Any, ...]]:
        machine = Machine(seed=seed)
        seen: list[tuple[Any, ...]] = []
        for name in TRACEPOINTS:
            setattr(
                machine.trace,
                name,
                lambda *args, name=name: seen.append(
                    (machine.now, machine.current.cpu, name, *args)
                ),
            )
        machine.run_until(machine.now + 60 * SECOND)
        return seen

    assert events(1) == events(1)
    assert events(1) != events(2)


def test_steps_do_not_matter() -> None:
    """Time may go on at once or bit by bit: the same moment has seen the same events."""
    whole, parts = Machine(), Machine()
    seen = scanned(whole, 50)
    bits = [scanned(parts, 0.5) for _ in range(100)]
    assert [event for bit in bits for event in bit] == seen


def test_idle_makes_no_events() -> None:
    machine = Machine(workload="idle")
    assert scanned(machine, 1000) == []
    assert machine.processes


def test_processes_are_scanned_in_the_order_in_which_they_came() -> None:
    machine = idle_machine()
    processes = [user(machine, comm) for comm in "abc"]
    seen = [mm for mm, _ in scanned(machine, 0.5)]
    assert seen == [process.mm.address for process in processes]


def test_newcomer_waits_for_the_next_round() -> None:
    machine = idle_machine()
    machine.thp.khugepaged.scan_sleep_millisecs = 10_000
    user(machine, "first")
    assert len(scanned(machine, 1)) == 1
    newcomer = user(machine, "second")
    assert scanned(machine, 5) == []
    assert newcomer.mm.address in {mm for mm, _ in scanned(machine, 10)}


def test_knob_ends_a_sleep() -> None:
    machine = idle_machine()
    machine.thp.khugepaged.scan_sleep_millisecs = 600_000
    user(machine, "one")
    assert len(scanned(machine, 1)) == 1
    machine.thp.khugepaged.scan_sleep_millisecs = 1000
    machine.kernel.khugepaged.hurry()
    assert len(scanned(machine, 0.5)) == 1


def test_never_stops_it_and_always_starts_it_again() -> None:
    machine = idle_machine()
    user(machine, "one")
    scanned(machine, 0.5)
    machine.thp.enabled = "never"
    machine.kernel.khugepaged.start_stop()
    assert scanned(machine, 100) == []
    machine.thp.enabled = "always"
    machine.kernel.khugepaged.start_stop()
    assert scanned(machine, 0.5) != []


def test_limit_acts_in_the_next_round() -> None:
    machine = idle_machine()
    one = user(machine, "one", pages=4096)
    machine.thp.khugepaged.max_ptes_none = 0
    assert [result for _, result in scanned(machine, 0.5)] == [ScanResult.EXCEED_NONE_PTE]
    machine.thp.khugepaged.max_ptes_none = 511
    assert [result for _, result in scanned(machine, 1)] == [ScanResult.SUCCEED]
    assert usage_of(one.mm, one.mm.vmas[0]).anon_huge == 2048


def test_no_huge_page_makes_it_wait() -> None:
    machine = idle_machine()
    for comm in ("one", "two", "three"):
        user(machine, comm)
    machine.kernel.memory.fragmentation = Fragmentation()
    results = [result for _, result in scanned(machine, 50)]
    assert results == [ScanResult.ALLOC_HUGE_PAGE_FAIL]
    assert machine.vmstat["thp_collapse_alloc_failed"] == 1
    machine.kernel.memory.fragmentation = None
    assert ScanResult.SUCCEED in {result for _, result in scanned(machine, 20)}


def test_exit_under_the_cursor() -> None:
    """The slot is freed at the scanner's next visit; the list goes on behind it."""
    machine = idle_machine()
    machine.thp.khugepaged.pages_to_scan = 1
    gone, stays = user(machine, "gone"), user(machine, "stays")
    assert [mm for mm, _ in scanned(machine, 0.5)] == [gone.mm.address]
    machine.exit(gone)
    assert {mm for mm, _ in scanned(machine, 5)} == {stays.mm.address}
    assert len(machine.kernel.khugepaged.slots) == 1


def test_child_is_scanned_too() -> None:
    machine = idle_machine()
    parent = user(machine, "parent")
    child = machine.fork(parent)
    assert {mm for mm, _ in scanned(machine, 0.5)} == {parent.mm.address, child.mm.address}


def test_memory_is_given_back() -> None:
    """A workload may go on for ever."""
    machine = Machine()
    machine.run_until(machine.now + 200 * SECOND)
    pages = machine.kernel.memory.pages_used
    machine.run_until(machine.now + 2000 * SECOND)
    assert machine.kernel.memory.pages_used < 2 * pages
    assert len(machine.processes) < 10


def test_reading_maps_zeroes_until_something_is_written() -> None:
    machine = idle_machine()
    process = machine.spawn("reader")
    vma = mmap(process.mm, BASE, HPAGE_PMD_SIZE)
    touch(process.mm, BASE, BASE + HPAGE_PMD_SIZE, write=False)
    assert [result for _, result in scanned(machine, 0.5)] == [ScanResult.PMD_MAPPED]
    assert usage_of(process.mm, vma).rss == 0
    assert machine.vmstat["thp_zero_page_alloc"] == 1
    touch(process.mm, BASE, BASE + 4096, write=True)
    assert usage_of(process.mm, vma).rss == 4
    machine.exit(process)
    assert machine.vmstat["nr_anon_transparent_hugepages"] == 0
