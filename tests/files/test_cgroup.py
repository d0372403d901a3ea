"""The files of a memory cgroup, compared with what kernels of the four versions show."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from engine import Machine
from engine.fault import touch
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.madvise import madvise
from engine.memcg import MemCgroup
from engine.mmap import mmap, munmap
from engine.scene.stage import Stage
from engine.task import Process
from engine.versions import VERSIONS
from tracefs_fuse.files.cgroup import cgroup_tree, parse_limit
from tracefs_fuse.files.node import Directory, Request, TextFile
from tracefs_fuse.files.proc.vmstat import vmstat_text

RECORDED = json.loads((Path(__file__).parent / "recorded/cgroup.json").read_text())
"""An empty cgroup's files, and the names of all counters in vmstat, by kernel."""

BASE = 0x400000000000
HALF = HPAGE_PMD_SIZE // 2

LIMITS = {
    "8M": 8388608,
    " 12345678 \n": 12345344,
    "0x10000": 65536,
    "010": 0,
    "\n": 0,
    "5000": 4096,
    "max\n": None,
    "9223372036854775807": None,
    "18446744073709551615": None,
}
"""Text written to memory.max, and the bytes that it showed afterwards."""


def process_of(machine: Machine) -> Process:
    process = machine.spawn("test")
    mmap(process.mm, BASE, 8 * HPAGE_PMD_SIZE)
    return process


def join(machine: Machine, process: Process, limit: int | None = None) -> MemCgroup:
    memcg = MemCgroup("g", limit)
    process.mm.memcg = machine.kernel.cgroups["g"] = memcg
    return memcg


def shown(machine: Machine, name: str) -> str:
    folder = cgroup_tree(machine).lookup("g")
    assert isinstance(folder, Directory)
    file = folder.lookup(name)
    assert isinstance(file, TextFile)
    return file.open(Request(1), 0).read(Request(1), 1 << 16, 0, nonblock=False).decode()


def stat(machine: Machine) -> dict[str, int]:
    lines = (line.split() for line in shown(machine, "memory.stat").splitlines())
    return {name: int(value) for name, value in lines}


@pytest.mark.parametrize("kernel", VERSIONS)
def test_empty(kernel: str) -> None:
    machine = Machine(kernel, workload="idle")
    machine.kernel.cgroups["g"] = MemCgroup("g", None)
    for name in ("memory.stat", "memory.events"):
        assert shown(machine, name) == RECORDED[kernel][name]
    assert shown(machine, "memory.max") == "max\n"
    assert shown(machine, "memory.current") == "0\n"
    assert shown(machine, "cgroup.procs") == ""


@pytest.mark.parametrize("kernel", VERSIONS)
def test_vmstat_has_the_kernels_order(kernel: str) -> None:
    names = [line.split()[0] for line in vmstat_text(Machine(kernel)).splitlines()]
    assert names == [name for name in RECORDED[kernel]["vmstat"] if name in names]
    families = ("pgscan_", "pgsteal_", "compact_", "allocstall_", "pgmigrate_", "thp_")
    assert {n for n in RECORDED[kernel]["vmstat"] if n.startswith(families)} <= set(names)


@pytest.mark.parametrize("kernel", VERSIONS)
def test_pages_stay_charged_where_they_were_had(kernel: str) -> None:
    """The steps and numbers are those that a kernel of each version answered."""
    machine = Machine(kernel, workload="idle")
    machine.thp.enabled = machine.thp.defrag = "madvise"
    process = process_of(machine)
    mm = process.mm
    second = BASE + HPAGE_PMD_SIZE
    touch(mm, BASE, second, write=True)
    memcg = join(machine, process)
    charged = []

    def note() -> None:
        charged.append((memcg.usage, stat(machine)["anon"] // PAGE_SIZE))

    touch(mm, second, second + HPAGE_PMD_SIZE, write=True)
    note()
    madvise(mm, BASE, BASE + HALF, "dontneed")
    note()
    madvise(mm, second, second + HALF, "dontneed")
    note()
    touch(mm, BASE, BASE + HALF, write=True)
    note()
    madvise(mm, BASE, second, "collapse")
    note()
    assert charged == [(512, 512), (512, 512), (256, 256), (512, 512), (768, 768)]
    third = second + HPAGE_PMD_SIZE
    madvise(mm, third, third + HPAGE_PMD_SIZE, "hugepage")
    touch(mm, third, third + PAGE_SIZE, write=True)
    found = stat(machine)
    assert found["anon_thp"] == 2 * HPAGE_PMD_SIZE
    assert (found["thp_fault_alloc"], found["thp_collapse_alloc"]) == (1, 1)
    assert shown(machine, "cgroup.procs") == f"{process.pid}\n"
    mm.memcg = None
    munmap(mm, third, third + HPAGE_PMD_SIZE)
    assert memcg.usage == 768
    machine.exit(process)
    assert (memcg.usage, stat(machine)["anon"], stat(machine)["anon_thp"]) == (0, 0, 0)


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize(
    ("enabled", "defrag", "advised", "hits"),
    [
        ("madvise", "madvise", True, 18),
        ("madvise", "never", True, {"7.3": 1}),
        ("madvise", "defer", True, {"7.3": 1}),
        ("always", "always", False, 2),
    ],
)
def test_huge_page_over_the_limit(
    kernel: str, enabled: str, defrag: str, advised: bool, hits: int | dict[str, int]
) -> None:
    machine = Machine(kernel, workload="idle")
    machine.thp.enabled, machine.thp.defrag = enabled, defrag
    process = process_of(machine)
    memcg = join(machine, process, limit=64)
    if advised:
        madvise(process.mm, BASE, BASE + HPAGE_PMD_SIZE, "hugepage")
    touch(process.mm, BASE, BASE + PAGE_SIZE, write=True)
    assert memcg.hits == (hits if isinstance(hits, int) else hits.get(kernel, 0))
    assert (memcg.usage, machine.vmstat["thp_fault_fallback_charge"]) == (1, 1)


def test_collapse_over_the_limit() -> None:
    machine = Machine(workload="idle")
    machine.thp.enabled = "madvise"
    process = process_of(machine)
    touch(process.mm, BASE, BASE + HPAGE_PMD_SIZE, write=True)
    join(machine, process, limit=HPAGE_PMD_NR - 1)
    with pytest.raises(OSError, match=os.strerror(errno.EBUSY)):
        madvise(process.mm, BASE, BASE + HPAGE_PMD_SIZE, "collapse")
    assert "max 18\n" in shown(machine, "memory.events")
    assert stat(machine)["thp_collapse_alloc"] == 0


@pytest.mark.parametrize(("text", "size"), LIMITS.items())
def test_limits(text: str, size: int | None) -> None:
    pages = parse_limit(text.encode())
    assert (None if pages is None else pages * PAGE_SIZE) == size


@pytest.mark.parametrize("text", ["8Mx", "max x", "-1", "1.5M", "8k8", "bla"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        parse_limit(text.encode())


def test_scene_leaves_no_cgroup() -> None:
    machine = Machine(workload="idle")
    root = cgroup_tree(machine)
    steps = ["map anon 1", "write 0 99", "cgroup 600", "write 100 299", "cgroup 5", "write 300 302"]
    folders: list[set[str]] = []
    usages: list[dict[str, int]] = []
    for _ in Stage(machine).perform(steps):
        folders.append(set(root.children()))
        usages.append({name: memcg.usage for name, memcg in machine.kernel.cgroups.items()})
    assert folders[1:4] == [set(), {"scene"}, {"scene"}]
    assert usages[-1] == {"scene": 200, "scene2": 3}
    assert not root.children()
    assert machine.kernel.memory.pages_used == 0
