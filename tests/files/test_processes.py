"""khugepaged and other processes in /proc, compared with recorded answers of kernels."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine import Machine
from engine.fault import touch
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.madvise import madvise
from engine.mmap import mmap
from engine.program import start_program
from engine.task import Process
from engine.versions import VERSIONS
from tests.conftest import MountLab
from tracefs_fuse.files.node import Directory, File, Node, Request, Symlink
from tracefs_fuse.files.proc import proc_tree

RECORDED = json.loads((Path(__file__).parent / "recorded/processes.json").read_text())
"""By kernel: the files of khugepaged, ``stat`` of others, ``numa_maps`` of what mapped() maps.

An errno's name stands for a file that can't be opened or read.
"""

KHUGEPAGED = 41
BASE = 0x400000000000
ROOT, OTHER = Request(1), Request(1, uid=1000, may_trace=False)
PID, STIME, START, CPU = 0, 14, 21, 38
"""Places in ``stat`` of what differs from boot to boot; and of sizes and addresses:"""

MEMORY = (9, 22, 23, *range(25, 28), 32, *range(44, 51))


def node_of(machine: Machine, path: str) -> Node:
    node: Node | None = proc_tree(machine)
    for name in path.split("/"):
        assert isinstance(node, Directory)
        node = node.lookup(name)
    assert node is not None
    return node


def read(machine: Machine, path: str, who: Request = ROOT) -> str:
    """Content of the whole file; the name of the errno if the read fails."""
    file = node_of(machine, path)
    assert isinstance(file, File)
    if who is OTHER and not file.mode & 0o004:
        return "EACCES"
    try:
        return file.open(who, 0).read(who, 1 << 16, 0, nonblock=False).decode("latin-1")
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def fields(stat: str, *moving: int) -> list[str]:
    """Those of ``stat`` without what moves, and how many there are."""
    found = stat.split(" ")
    return [field for place, field in enumerate(found) if place not in moving] + [str(len(found))]


def mapped(kernel: str) -> tuple[Machine, Process]:
    """The process whose numa_maps were recorded."""
    machine = Machine(kernel, cpus=1, workload="idle")
    machine.thp.enabled = "always"
    process = machine.spawn("probe")
    mm, size = process.mm, HPAGE_PMD_SIZE
    mmap(mm, BASE, 4 * size)
    madvise(mm, BASE, BASE + size, "hugepage")
    touch(mm, BASE, BASE + PAGE_SIZE, write=True)
    touch(mm, BASE + size, BASE + size + 10 * PAGE_SIZE, write=True)
    memfd = AddressSpace(machine.kernel, "memfd:scene", FileKind.MEMFD, 1024)
    mmap(mm, BASE + 16 * size, 2 * size, memfd, shared=True)
    touch(mm, BASE + 16 * size, BASE + 16 * size + 6 * PAGE_SIZE, write=True)
    file = AddressSpace(machine.kernel, "/tmp/a b\nc", FileKind.TMPFS, 512)
    shared = mmap(mm, BASE + 32 * size, size, file, shared=True)
    touch(mm, shared.start, shared.start + PAGE_SIZE, write=False)
    touch(mm, shared.start + PAGE_SIZE, shared.start + 2 * PAGE_SIZE, write=True)
    mmap(mm, BASE + 40 * size, size).readable = False
    zeroes = mmap(mm, BASE + 48 * size, size).start
    madvise(mm, zeroes, zeroes + size, "hugepage")
    touch(mm, zeroes, zeroes + PAGE_SIZE, write=False)
    return machine, process


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize("who", [ROOT, OTHER], ids=["root", "other"])
def test_khugepaged(kernel: str, who: Request) -> None:
    machine = Machine(kernel, cpus=1, workload="idle")
    recorded = RECORDED[kernel]["khugepaged" if who is ROOT else "khugepaged as another user"]
    theirs = dict(recorded)
    ours = {name: read(machine, f"{KHUGEPAGED}/{name}", who) for name in theirs}
    moving = (PID, STIME, START, CPU)
    assert fields(ours.pop("stat"), *moving) == fields(theirs.pop("stat"), *moving)
    if who is ROOT:
        numbers = re.compile(r"(?<=SigQ:\t0/)\d+|(?<=id:\t)\d+|(?<=switches:\t)\d+")
        texts = ours.pop("status"), theirs.pop("status")
        assert numbers.sub("N", texts[0]) == numbers.sub("N", texts[1])
    assert ours == theirs


@pytest.mark.parametrize("kernel", VERSIONS)
def test_stat_of_others(kernel: str) -> None:
    machine = Machine(kernel, cpus=1, workload="idle")
    ours = fields(read(machine, "2/stat"), PID, STIME, START, CPU)
    assert ours == fields(RECORDED[kernel]["kthreadd stat"], PID, STIME, START, CPU)
    process = machine.spawn("sleep")
    start_program(process.mm, "/bin/sleep")
    for_other, for_root = (read(machine, f"{process.pid}/stat", who) for who in (OTHER, ROOT))
    hidden, shown = RECORDED[kernel]["process stat"][0], RECORDED[kernel]["process stat"][-1]
    # a parent, a session and ignored signals of its own
    moving = (PID, 3, 4, 5, 9, 14, START, 22, 23, 32, CPU)
    assert fields(for_other, *moving) == fields(hidden, *moving)
    assert fields(for_root, *moving, *MEMORY) == fields(shown, *moving, *MEMORY)


@pytest.mark.parametrize("kernel", VERSIONS)
def test_numa_maps(kernel: str) -> None:
    machine, process = mapped(kernel)
    assert read(machine, f"{process.pid}/numa_maps") == RECORDED[kernel]["numa_maps"]
    child = machine.fork(process)
    touch(child.mm, BASE, BASE + PAGE_SIZE, write=True)
    touch(child.mm, BASE + HPAGE_PMD_SIZE, BASE + HPAGE_PMD_SIZE + PAGE_SIZE, write=True)
    assert read(machine, f"{child.pid}/numa_maps") == RECORDED[kernel]["numa_maps of child"]
    assert read(machine, f"{child.pid}/numa_maps", OTHER) == "EACCES"
    machine.exit(child)


def test_times_follow_the_clock_and_the_work() -> None:
    machine = Machine(cpus=2, workload="article")
    machine.run_until(machine.now + 10_000_000_000)
    born = machine.spawn("late")
    task = machine.kthreads[KHUGEPAGED].task
    assert read(machine, "uptime").startswith("40.")
    assert 4000 <= int(read(machine, f"{born.pid}/stat").split()[START]) < 4100
    assert task.sum_exec_runtime > 0
    task.sum_exec_runtime += 70_000_000
    assert int(read(machine, f"{KHUGEPAGED}/stat").split()[STIME]) >= 7
    assert f"switches:\t{task.nvcsw}\n" in read(machine, f"{KHUGEPAGED}/status")
    assert task.nvcsw >= 9
    cpu, *_, processes = (line.split() for line in read(machine, "stat").splitlines()[:6])
    assert 7900 <= int(cpu[3]) + int(cpu[4]) <= 8100
    assert processes[0] == "btime"


@pytest.mark.parametrize("kernel", VERSIONS)
def test_version(kernel: str) -> None:
    """The line differs from the kernel's by who has built it, when, and by what."""
    shape = re.compile(
        r"(Linux version [\d.]+)\S* \(\S+@\S+\) \(.+\) (#1 SMP PREEMPT_DYNAMIC) .+\n"
    )
    ours, theirs = (
        shape.fullmatch(line)
        for line in (read(Machine(kernel, workload="idle"), "version"), RECORDED[kernel]["version"])
    )
    assert ours
    assert theirs
    recorded = theirs.groups()
    expected = ("Linux version 6.1.192", recorded[1]) if kernel == "6.1" else recorded
    assert ours.groups() == expected


def test_who_is_whose() -> None:
    machine = Machine(workload="idle")
    parent = machine.spawn("parent")
    start_program(parent.mm, "/usr/bin/parent")
    child = machine.fork(parent)
    assert read(machine, f"{parent.pid}/task/{parent.pid}/children") == f"{child.pid} "
    assert read(machine, "2/task/2/children") == f"{KHUGEPAGED} "
    assert read(machine, f"{child.pid}/cmdline") == "/usr/bin/parent\0"
    assert read(machine, f"{child.pid}/stat").split()[3] == str(parent.pid)
    assert read(machine, f"{child.pid}/stat").split()[8] == str(0x400040)
    link = node_of(machine, f"{child.pid}/exe")
    assert isinstance(link, Symlink)
    assert link.target(ROOT) == "/usr/bin/parent"
    with pytest.raises(PermissionError):
        link.target(OTHER)


@pytest.mark.skipif(not shutil.which("ps") or not shutil.which("unshare"), reason="needs procps")
def test_clients_see_the_labs_processes(mount_lab: MountLab) -> None:
    """ps and pgrep take the folder for /proc; set_event_pid takes what pgrep says."""
    lab = mount_lab("--workload", "article", "--cpus", "2")

    def said(command: str) -> str:
        inside = f"mount --bind {lab}/proc /proc && {command}"
        words = ["unshare", "-Urm", "sh", "-c", inside]
        return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout

    rows = said("ps -eo pid,ppid,ni,stat,tty,args").splitlines()
    assert f"{KHUGEPAGED} 2 19 SN ? [khugepaged]".split() in [row.split() for row in rows]
    assert any(row.endswith(" /usr/bin/postgres") for row in rows)
    assert said("pgrep khugepaged") == f"{KHUGEPAGED}\n"
    assert re.search(r"^\s*41 root +39 +19 .* khugepaged$", said("top -b -n1"), re.M)
    assert "[khugepaged]" in said("ps -ef --forest")
    tracing = lab / "sys/kernel/tracing"
    (tracing / "set_event_pid").write_text(said("pgrep khugepaged"))
    assert (tracing / "set_event_pid").read_text() == f"{KHUGEPAGED}\n"
    assert said("cat /proc/self/comm") == "cat\n"
    assert os.readlink(f"{lab}/proc/self") == str(os.getpid())
