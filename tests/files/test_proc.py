"""The folders of processes, compared with what kernels of the four versions show."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import pytest

from engine import Machine
from engine.fault import touch
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.machine import Process
from engine.madvise import madvise
from engine.mmap import mmap
from engine.program import start_program
from engine.versions import VERSIONS
from tracefs_fuse.files.node import Directory, File, Request
from tracefs_fuse.files.proc import proc_tree

RECORDED = json.loads((Path(__file__).parent / "recorded/proc.json").read_text())
"""What a small static program with a mapping of shared memory looks like, by kernel and file."""

BASE = 0x400000000000
ROOT, USER = Request(1), Request(1, uid=1000)
MOVING = re.compile(r"[0-9a-f]{8,12}-[0-9a-f]{8,12}|\d\d:\d\d \d+|\d+")
"""Addresses, files and amounts differ from boot to boot."""


def as_recorded(kernel: str) -> tuple[Machine, Process]:
    """The process that was looked at: `map shmem 1`, `write 0 5`, advised and forked."""
    machine = Machine(kernel, cpus=1, workload="idle")
    process = machine.spawn("scene")
    start_program(process.mm, "/bin/scene")
    file = AddressSpace(machine.kernel, "memfd:scene", FileKind.MEMFD, 512)
    mmap(process.mm, BASE, HPAGE_PMD_SIZE, file, shared=True)
    touch(process.mm, BASE, BASE + 6 * PAGE_SIZE, write=True)
    machine.thp.shmem_enabled = "advise"
    madvise(process.mm, BASE, BASE + HPAGE_PMD_SIZE, "hugepage")
    return machine, process


def read(machine: Machine, process: Process, name: str, who: Request = ROOT) -> str:
    folder = proc_tree(machine).lookup(str(process.pid))
    assert isinstance(folder, Directory)
    node = folder.lookup(name)
    assert isinstance(node, File)
    opened, text = node.open(who, 0), b""
    while data := opened.read(who, 1 << 16, len(text), False):
        text += data
    return text.decode("latin-1")


def shape(text: str) -> list[str]:
    """Lines without what differs from boot to boot; padding stays in their length."""
    return [
        re.sub(" +", " ", MOVING.sub("N", line.replace("/tmp/", "/bin/")))
        for line in text.splitlines()
    ]


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize("name", ["maps", "smaps", "smaps_rollup"])
def test_lines_are_the_kernels(kernel: str, name: str) -> None:
    machine, process = as_recorded(kernel)
    ours, theirs = read(machine, process, name), RECORDED[kernel][name]
    vdso = re.compile(r"^.*\[(vvar|vdso|stack).*(\n[A-Z].*)*\n", re.M)
    if kernel in ("6.1", "6.12"):  # where the kernel put its own mappings was left to chance
        assert sorted(shape("".join(m[0] for m in vdso.finditer(ours)))) == sorted(
            shape("".join(m[0] for m in vdso.finditer(theirs)))
        )
        ours, theirs = vdso.sub("", ours), vdso.sub("", theirs)
    assert shape(ours) == shape(theirs)
    widths = [len(line) for line in theirs.splitlines() if line.endswith(" kB")]
    assert [len(line) for line in ours.splitlines() if line.endswith(" kB")] == widths


@pytest.mark.parametrize("kernel", VERSIONS)
def test_status_has_the_kernels_lines(kernel: str) -> None:
    machine, process = as_recorded(kernel)
    ours = read(machine, process, "status").splitlines()
    theirs = RECORDED[kernel]["status"].splitlines()
    assert [line.partition(":")[0] for line in ours] == [line.partition(":")[0] for line in theirs]
    sizes = [line for line in ours if line.endswith(" kB")]
    assert [len(line) for line in sizes] == [len(li) for li in theirs if li.endswith(" kB")]
    constant = re.compile(r"(Umask|State|Threads|Cap\w+|NoNew\w+|Secc\w+|Spec\w+|Cpus\w+|THP\w+):")
    assert [li for li in ours if constant.match(li)] == [li for li in theirs if constant.match(li)]


def entries(machine: Machine, process: Process, start: int, count: int, who: Request) -> list[int]:
    folder = proc_tree(machine).lookup(str(process.pid))
    assert isinstance(folder, Directory)
    node = folder.lookup("pagemap")
    assert isinstance(node, File)
    data = node.open(who, 0).read(who, 8 * count, start // PAGE_SIZE * 8, False)
    return list(struct.unpack(f"<{count}Q", data))


def test_pagemap() -> None:
    machine = Machine(workload="idle")
    machine.kernel.memory.swap = 100
    process = machine.spawn("anon")
    mmap(process.mm, BASE, HPAGE_PMD_SIZE)
    machine.thp.fault_allocates = False
    touch(process.mm, BASE, BASE + 3 * PAGE_SIZE, write=True)
    madvise(process.mm, BASE + PAGE_SIZE, BASE + 2 * PAGE_SIZE, "pageout")
    one, swapped, three, none = entries(machine, process, BASE, 4, ROOT)
    assert one >> 55 == three >> 55 == 0b1_0000_0011
    assert swapped >> 55 == 0b0_1000_0000 or swapped >> 55 == 0b0_1000_0001
    assert none >> 63 == 0
    assert one & (1 << 55) - 1 != three & (1 << 55) - 1 != 0
    hidden = entries(machine, process, BASE, 1, USER)[0]
    assert hidden >> 55 == one >> 55
    assert not hidden & (1 << 55) - 1
    assert entries(machine, process, BASE - PAGE_SIZE, 1, ROOT) == [0]


@pytest.mark.parametrize(("size", "offset"), [(4, 0), (8, 4), (12, 8)])
def test_pagemap_takes_whole_entries(size: int, offset: int) -> None:
    machine, process = as_recorded("6.12")
    folder = proc_tree(machine).lookup(str(process.pid))
    assert isinstance(folder, Directory)
    node = folder.lookup("pagemap")
    assert isinstance(node, File)
    with pytest.raises(OSError, match="Invalid argument"):
        node.open(ROOT, 0).read(ROOT, size, offset, False)
