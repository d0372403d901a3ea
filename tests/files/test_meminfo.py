"""``meminfo`` and ``buddyinfo``, compared with what kernels of the four versions show."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import Machine
from engine.fault import touch
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.madvise import madvise
from engine.memory import Fragmentation
from engine.mmap import mmap
from engine.task import Process
from engine.versions import VERSIONS
from engine.workloads import WORKLOADS
from tracefs_fuse.files.proc.buddyinfo import buddyinfo_text
from tracefs_fuse.files.proc.meminfo import meminfo_text
from tracefs_fuse.files.proc.pid.smaps import smaps_text

RECORDED = json.loads((Path(__file__).parent / "recorded/memory.json").read_text())
"""A machine of eight GiB and four CPUs that has just started, by kernel and file."""

OF_PROCESSES = {
    "MemFree",
    "MemAvailable",
    "Cached",
    "Active",
    "Inactive",
    "Active(anon)",
    "Inactive(anon)",
    "AnonPages",
    "Mapped",
    "Shmem",
    "PageTables",
    "Committed_AS",
}
"""Lines in which the recorded machine's own few processes and files are seen."""

SLACK = 256
"""kB by which MemFree differs: free pages that CPUs keep for themselves."""

BASE = 0x400000000000
HUGE = 2048
HUGE_ORDER = 9


def meminfo(machine: Machine) -> dict[str, int]:
    lines = (line.split() for line in meminfo_text(machine).splitlines())
    return {name.rstrip(":"): int(size) for name, size, *_ in lines}


def free_blocks(machine: Machine) -> dict[str, list[int]]:
    """By zone and order."""
    lines = (line.split() for line in buddyinfo_text(machine).splitlines())
    return {" ".join(line[1:4:2]): [int(count) for count in line[4:]] for line in lines}


def kb_of(blocks: list[int]) -> int:
    return sum(count << order for order, count in enumerate(blocks)) * 4


def process_of(machine: Machine, ranges: int, file: AddressSpace | None = None) -> Process:
    process = machine.spawn("test")
    mmap(process.mm, BASE, ranges * HPAGE_PMD_SIZE, file, shared=file is not None)
    return process


@pytest.mark.parametrize("kernel", VERSIONS)
def test_idle_machine(kernel: str) -> None:
    machine = Machine(kernel, cpus=4, workload="idle")
    recorded, shown = RECORDED[kernel]["meminfo"], meminfo_text(machine)
    for theirs, ours in zip(recorded.splitlines(), shown.splitlines(), strict=True):
        name = theirs.partition(":")[0]
        assert (ours[:16], len(ours)) == (theirs[:16], len(theirs))
        assert ours == theirs or name in OF_PROCESSES
        if name in ("MemFree", "MemAvailable"):
            assert abs(int(ours.split()[1]) - int(theirs.split()[1])) < SLACK


@pytest.mark.parametrize("kernel", VERSIONS)
def test_zones_of_an_idle_machine(kernel: str) -> None:
    machine = Machine(kernel, cpus=4, workload="idle")
    theirs, ours = RECORDED[kernel]["buddyinfo"].splitlines(), buddyinfo_text(machine).splitlines()
    assert ours[:2] == theirs[:2]
    assert list(map(len, ours)) == list(map(len, theirs))


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize("workload", sorted(set(WORKLOADS) - {"host"}))
def test_all_memory_is_somewhere(kernel: str, workload: str) -> None:
    machine = Machine(kernel, workload=workload, seed=1)
    idle = Machine(kernel, workload="idle")
    boot = meminfo(idle)
    normal = kb_of(free_blocks(idle)["0, Normal"])
    for _ in range(6):
        machine.run_until(machine.now + 7_700_000_000)
        found = meminfo(machine)
        assert found["MemFree"] == sum(map(kb_of, free_blocks(machine).values()))
        used = machine.kernel.memory.pages_used * 4 + found["SUnreclaim"] - boot["SUnreclaim"]
        added = machine.kernel.memory.nodes - 1  # each as free as the first one was
        assert found["MemFree"] + used == boot["MemFree"] + added * normal
        assert found["AnonHugePages"] <= found["AnonPages"]
        assert found["Active"] + found["Inactive"] == found["AnonPages"] + found["Cached"]


@pytest.mark.parametrize("kernel", VERSIONS)
def test_huge_pages_of_processes(kernel: str) -> None:
    machine = Machine(kernel, workload="idle")
    machine.thp.enabled = "madvise"
    before = meminfo(machine)
    process = process_of(machine, 3)
    madvise(process.mm, BASE, BASE + 2 * HPAGE_PMD_SIZE, "hugepage")
    touch(process.mm, BASE, BASE + 2 * HPAGE_PMD_SIZE + 5 * PAGE_SIZE, write=True)
    shown = "".join(smaps_text(machine, process))
    in_smaps = sum(int(line.split()[1]) for line in shown.splitlines() if "AnonHuge" in line)
    child = machine.fork(process)  # that pages are shared makes them no more
    found = meminfo(machine)
    assert found["AnonHugePages"] == in_smaps == 2 * HUGE
    assert found["AnonPages"] == 2 * HUGE + 5 * 4
    assert before["MemFree"] - found["MemFree"] == 2 * HUGE + 5 * 4
    machine.exit(process)
    assert meminfo(machine)["AnonHugePages"] == 2 * HUGE
    machine.exit(child)
    assert meminfo(machine) == before


@pytest.mark.parametrize("kernel", VERSIONS)
def test_huge_pages_of_shared_memory(kernel: str) -> None:
    machine = Machine(kernel, workload="idle")
    machine.thp.shmem_enabled = "always"
    machine.kernel.memory.swap_on(1000)
    file = AddressSpace(machine.kernel, "memfd:test", FileKind.MEMFD, 2 * HPAGE_PMD_NR)
    for _ in range(2):
        touch(process_of(machine, 2, file).mm, BASE, BASE + HPAGE_PMD_SIZE, write=True)
    found = meminfo(machine)
    names = ("ShmemHugePages", "ShmemPmdMapped", "Shmem", "Cached", "Mapped")
    assert [found[name] for name in names] == [HUGE] * len(names)
    assert (found["AnonHugePages"], found["FileHugePages"]) == (0, 0)
    assert (found["SwapTotal"], found["SwapFree"]) == (4000, 4000)


@pytest.mark.parametrize("ready", [0, 1, 3])
def test_fragmented_memory_has_the_blocks_that_can_be_had(ready: int) -> None:
    machine = Machine(workload="idle")
    process = process_of(machine, 5)
    process.mm.vmas[0].hugepage = True
    machine.kernel.memory.fragmentation = Fragmentation(ready=ready)
    for huge in range(5):
        blocks = [
            sum(free[HUGE_ORDER:])
            for zone, free in free_blocks(machine).items()
            if zone != "0, DMA"
        ]
        assert blocks == [0, max(0, ready - huge)]
        start = BASE + huge * HPAGE_PMD_SIZE
        touch(process.mm, start, start + PAGE_SIZE, write=True)
        assert meminfo(machine)["AnonHugePages"] == min(huge + 1, ready) * HUGE


@pytest.mark.parametrize("pages", [0, 5, 511, 512, 1300])
def test_short_memory(pages: int) -> None:
    machine = Machine(workload="idle")
    touch(process_of(machine, 1).mm, BASE, BASE + 7 * PAGE_SIZE, write=True)
    memory = machine.kernel.memory
    memory.limit = memory.pages_used + pages
    free = free_blocks(machine)["0, Normal"]
    assert kb_of(free) == pages * 4
    assert any(free[HUGE_ORDER:]) == (pages >= 1 << HUGE_ORDER)
