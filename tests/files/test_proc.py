"""The folders of processes, compared with what kernels of the four versions show."""

from __future__ import annotations

import errno
import json
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine import Machine
from engine.fault import touch
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.madvise import madvise
from engine.mmap import mmap, munmap
from engine.program import start_program
from engine.scene.stage import Stage
from engine.task import Process
from engine.versions import VERSIONS
from tracefs_fuse.files.node import Directory, File, OpenFile, Request
from tracefs_fuse.files.proc import proc_tree

RECORDED = json.loads((Path(__file__).parent / "recorded/proc.json").read_text())
"""What a small static program with a mapping of shared memory looks like, by kernel and file."""

BASE = 0x400000000000
PFN = (1 << 55) - 1
USER_END = 0x7FFFFFFFF000 // PAGE_SIZE * 8
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


def file_of(machine: Machine, process: Process, name: str) -> File:
    folder = proc_tree(machine).lookup(str(process.pid))
    assert isinstance(folder, Directory)
    node = folder.lookup(name)
    assert isinstance(node, File)
    return node


def read(machine: Machine, process: Process, name: str) -> str:
    opened, text = file_of(machine, process, name).open(ROOT, 0), b""
    while data := opened.read(ROOT, 1 << 16, len(text), nonblock=False):
        text += data
    return text.decode("latin-1")


def sizes(text: str) -> dict[str, int]:
    """The lines in kB that are not 0."""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", text, re.M)
    return {name: int(size) for name, size in found if int(size)}


@contextmanager
def played(kernel: str, script: str) -> Iterator[tuple[Machine, list[Process]]]:
    """The process of a scene when its steps are done, and its children."""
    machine = Machine(kernel, cpus=1, workload="idle")
    stage, steps = Stage(machine), script.split("; ")
    scene = stage.perform([*steps, "khugepaged"])
    for step in scene:
        if step == steps[-1]:
            yield machine, [p for p in machine.processes.values() if p.comm == "scene"]


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


@pytest.mark.parametrize("kernel", VERSIONS)
def test_nodes_that_may_be_used(kernel: str) -> None:
    """The mask has a digit for four nodes, as many as the kernel was built for before 7.3."""
    machine, process = as_recorded(kernel)
    machine.kernel.memory.resize(2)
    digits = "" if kernel == "7.3" else "00000000," * 31 + "0000000"
    assert f"\nMems_allowed:\t{digits}3\nMems_allowed_list:\t0-1\n" in read(
        machine, process, "status"
    )


# -- sizes -------------------------------------------------------------------------------------


PART_COPIED = (
    "knob enabled always; map anon 1; write 0 0; fork write 0 0; child advise dontneed 1 2"
)


@pytest.mark.parametrize("kernel", VERSIONS)
def test_a_huge_page_of_which_others_map_a_part(kernel: str) -> None:
    mapping = re.compile(rf"^{BASE:x}-.*\n(?:\w+:.*\n)+", re.M)
    with played(kernel, PART_COPIED) as (machine, processes):
        of_parent, of_child = (
            sizes("".join(mapping.findall(read(machine, p, "smaps")))) for p in processes
        )
    shared = (512 - 3) * 4
    assert of_parent["Shared_Dirty"] == of_child["Shared_Dirty"] == shared
    assert of_parent["Private_Dirty"] == 3 * 4
    assert of_parent["AnonHugePages"] == of_parent["Rss"] == 2048
    assert of_child["Private_Dirty"] == 4
    assert (of_parent["Pss"], of_child["Pss"]) == (shared // 2 + 12, shared // 2 + 4)


def test_shares_are_rounded_down_page_by_page() -> None:
    script = "map anon 1; write 0 2; fork idle; fork read 0 0"
    with played("6.12", script) as (machine, processes):
        text = read(machine, processes[0], "smaps")
    assert len(processes) == 3
    shared = sizes(text.partition(f"{BASE:x}-")[2].partition("VmFlags")[0])
    assert (shared["Rss"], shared["Shared_Dirty"], shared["Pss"]) == (12, 12, 3)


def test_status_counts_pages_by_kind_and_remembers_the_most() -> None:
    script = "swap on; map anon 1; write 0 99; advise pageout 0 9; advise dontneed 10 19"
    with played("6.12", "watch") as (machine, (process,)):
        before = sizes(read(machine, process, "status"))
    with played("6.12", script) as (machine, (process,)):
        after = sizes(read(machine, process, "status"))
        munmap(process.mm, BASE, BASE + HPAGE_PMD_SIZE)
        left = sizes(read(machine, process, "status"))
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown == {
        **dict.fromkeys(grown, 0),
        **dict.fromkeys(("VmPeak", "VmSize", "VmData"), 2048),
        **dict.fromkeys(("VmRSS", "RssAnon"), 80 * 4),
        "VmHWM": 100 * 4,
        "VmSwap": 10 * 4,
        "VmPTE": 3 * 4,
    }
    assert left["VmPeak"] - left["VmSize"] == 2048
    assert (left["VmHWM"], left["VmRSS"]) == (after["VmHWM"], before["VmRSS"])


def test_rollup_of_nothing() -> None:
    machine = Machine("7.3", workload="idle")
    first, *lines = read(machine, machine.spawn("bare"), "smaps_rollup").splitlines()
    assert first == f"{'00000000-00000000 ---p 00000000 00:00 0':<73}[rollup]"
    assert len(lines) == 22
    assert all(line.endswith("       0 kB") for line in lines)


def test_a_path_keeps_to_its_line() -> None:
    machine, process = as_recorded("6.12")
    file = AddressSpace(machine.kernel, "/tmp/a b\nc", FileKind.TMPFS, 1)
    mmap(process.mm, BASE - PAGE_SIZE, PAGE_SIZE, file)
    assert " /tmp/a b\\012c\n" in read(machine, process, "maps")


# -- pagemap -----------------------------------------------------------------------------------


def entries(
    machine: Machine, process: Process, page: int, count: int, who: Request = ROOT
) -> list[int]:
    """Those of the pages from one of BASE on."""
    opened = file_of(machine, process, "pagemap").open(who, 0)
    data = opened.read(who, 8 * count, (BASE // PAGE_SIZE + page) * 8, nonblock=False)
    return list(struct.unpack(f"<{count}Q", data))


PAGEMAPS = [
    ("map anon 1; write 0 0; read 1 1", "103 101 001", {}),
    ("map anon 1; protect none 0 511", "001 001 001", {}),
    ("map anon 1; unmap 0 0", "000 001 001", {}),
    ("map shmem 1; write 0 0; read 1 1", "143 143 001", {}),
    ("map shmem 1; write 0 0; fork read 0 0", "141 001 001", {}),
    ("map anon 1; write 0 0; fork idle", "101 001 001", {}),
    ("map anon 1; write 0 0; uffdwp 0 1", "107 001 001", {}),
    ("map shmem 1; write 0 0; uffdwp 0 1", "147 085+3f 001", {"6.1": "147 085+3e 001"}),
    ("knob enabled always; map anon 1; read 0 0", "141 141 141", {"7.3": "101 101 101"}),
    (
        "map anon 1; write 0 0; advise guard 0 1",
        "089+9f 089+9f 001",
        dict.fromkeys(("6.1", "6.12"), "103 001 001"),
    ),
    (PART_COPIED, "103 103 103", {}),
    (
        PART_COPIED.replace("dontneed 1 2", "dontneed 2 2"),
        "103 103 103",
        dict.fromkeys(("6.1", "6.12"), "103 101 103"),
    ),
]
"""Of the first pages: the upper bits, and with + the entry of those that are not present; and what
is otherwise in some kernels."""


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize(("script", "usually", "otherwise"), PAGEMAPS)
def test_pagemap(kernel: str, script: str, usually: str, otherwise: dict[str, str]) -> None:
    with played(kernel, script) as (machine, (process, *_)):
        found = [
            f"{entry >> 55:03x}" + (f"+{entry & PFN:x}" if entry >> 62 & 1 else "")
            for entry in entries(machine, process, 0, 3)
        ]
    assert " ".join(found) == otherwise.get(kernel, usually)


def test_pages_of_pagemap() -> None:
    script = "swap on; map anon 1; write 0 2; advise pageout 1 1"
    with played("6.12", script) as (machine, (process,)):
        one, swapped, three = entries(machine, process, 0, 3)
        hidden = entries(machine, process, 0, 3, USER)
        across = entries(machine, process, -2, 514)
        stack = process.mm.vmas[-1]
        assert stack.name == "[stack]"
        of_stack = entries(machine, process, (stack.start - BASE) // PAGE_SIZE, 2)
    assert swapped == 1 << 62 | 1 << 55
    assert one & PFN != three & PFN != 0
    assert hidden == [one & ~PFN, swapped, three & ~PFN]
    assert across[:5] == [0, 0, one, swapped, three]
    assert set(across[5:]) == {1 << 55}
    assert [page >> 55 for page in of_stack] == [0x103, 0]


@pytest.mark.parametrize(
    ("size", "offset", "status"),
    [
        (16, 0, 16),
        (0, 8, 0),
        (64, USER_END - 16, 16),
        (8, USER_END, 0),
        (8, 1 << 52, 0),
        (4, 0, "EINVAL"),
        (8, 4, "EINVAL"),
        (12, 8, "EINVAL"),
        (0, 4, "EINVAL"),
        (7, USER_END, "EINVAL"),
        (8, USER_END + 4, "EINVAL"),
    ],
)
def test_pagemap_takes_whole_entries(size: int, offset: int, status: int | str) -> None:
    machine, process = as_recorded("6.12")
    assert answer(file_of(machine, process, "pagemap").open(ROOT, 0), size, offset) == status


# -- processes come and go ---------------------------------------------------------------------

NAMES = ["status", "stat", "comm", "cmdline", "statm", "cgroup"]
NAMES += ["maps", "smaps", "smaps_rollup", "numa_maps", "pagemap"]


def answer(opened: OpenFile, size: int, offset: int) -> int | str:
    """Bytes of a read, or the errno."""
    try:
        return len(opened.read(ROOT, size, offset, nonblock=False))
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@pytest.mark.parametrize("name", NAMES)
def test_a_process_ends_while_its_file_is_open(name: str) -> None:
    """What was made of the text is still read, and nothing more."""
    machine, process = as_recorded("7.3")
    file = file_of(machine, process, name)
    fresh, begun, done = (file.open(ROOT, 0) for _ in range(3))
    assert answer(begun, 8 if name == "pagemap" else 4, 0)
    length = answer(done, 1 << 20, 0)
    assert isinstance(length, int)
    assert length
    machine.exit(process)
    if name == "pagemap":
        assert [answer(fresh, 8, 0), answer(fresh, 7, 7), answer(begun, 8, 8)] == [0, 0, 0]
        return
    assert answer(fresh, 4096, 0) == answer(fresh, 7, 7) == answer(begun, 4096, 0) == "ESRCH"
    rest = answer(begun, 4096, 4)
    assert isinstance(rest, int)
    assert rest
    after = "ESRCH" if name in ("maps", "smaps", "numa_maps") else 0
    assert answer(begun, 4096, 4 + rest) == after
    assert answer(done, 4096, length) == 0
    with pytest.raises(OSError, match="No such process" if name == "comm" else "Invalid"):
        fresh.write(ROOT, b"x", 0)


def test_folders_of_processes() -> None:
    machine = Machine(cpus=1, workload="idle")
    tree = proc_tree(machine)
    parent = machine.spawn("a name of more than fifteen letters")
    child = machine.fork(parent)
    pids = sorted([*machine.processes, *machine.kthreads])
    names = ["buddyinfo", "cpuinfo", "kallsyms", "loadavg", "meminfo", "mounts", "self", "stat"]
    names += ["sys", "thread-self", "uptime", "version", "vmstat"]
    assert list(tree.children()) == [*names, *map(str, pids)]
    assert tree.lookup(f"0{parent.pid}") is tree.lookup("42") is None
    folder = tree.lookup(str(parent.pid))
    assert isinstance(folder, Directory)
    assert folder is tree.lookup(str(parent.pid)) is tree.children()[str(parent.pid)]
    assert folder.mode == 0o555
    assert {name: oct(node.mode) for name, node in folder.children().items()} == {
        **dict.fromkeys(NAMES, "0o444"),
        "comm": "0o644",
        "exe": "0o777",
        "pagemap": "0o400",
        "task": "0o555",
    }
    assert read(machine, parent, "comm") == "a name of more \n"
    assert f"\nPPid:\t{parent.pid}\n" in read(machine, child, "status")
    machine.exit(parent)
    assert tree.lookup(str(parent.pid)) is None
    assert "\nPPid:\t1\n" in read(machine, child, "status")


def test_nobody_else_renames_a_process() -> None:
    machine, process = as_recorded("6.12")
    with pytest.raises(OSError, match="Invalid argument"):
        file_of(machine, process, "comm").open(ROOT, 1).write(ROOT, b"other", 0)
    assert read(machine, process, "comm") == "scene\n"
