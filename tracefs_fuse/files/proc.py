"""``/proc``: the emulated processes, and counters.

Modelled after fs/proc/task_mmu.c (smaps) and mm/vmstat.c.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

from engine import Machine
from engine.machine import Process
from engine.smaps import usage_of
from engine.thp import Purpose
from engine.vma import Vma
from tracefs_fuse.files.node import Directory, Node, Request, TextFile
from tracefs_fuse.tracing.numbers import refuse

_READABLE = 0o444
_COLUMNS = 24
"""Columns of a line up to the end of its number."""


def proc_tree(machine: Machine) -> Directory:
    """The folder of a machine."""
    return ProcessesDirectory(
        machine,
        {
            "sys": Directory({"kernel": Directory({"ftrace_enabled": _ftrace_enabled()})}),
            "vmstat": TextFile(_READABLE, lambda: vmstat_text(machine)),
        },
    )


class ProcessesDirectory(Directory):
    """A folder for each process, as long as it lives."""

    def __init__(self, machine: Machine, entries: dict[str, Node]) -> None:
        super().__init__(entries, mode=0o555)
        self._machine = machine
        self._trees: dict[Process, Directory] = {}

    def lookup(self, name: str) -> Node | None:
        if not name.isdecimal():
            return super().lookup(name)
        process = self._machine.processes.get(int(name))
        return None if process is None else self._tree(process)

    def children(self) -> dict[str, Node]:
        processes = self._machine.processes.values()
        self._trees = {process: self._tree(process) for process in processes}
        return {**{str(p.pid): tree for p, tree in self._trees.items()}, **super().children()}

    def _tree(self, process: Process) -> Directory:
        return self._trees.get(process) or Directory(
            {
                "comm": TextFile(0o644, lambda: f"{_comm_text(process)}\n"),
                "smaps": TextFile(_READABLE, lambda: smaps_text(self._machine, process)),
            },
            mode=0o555,
        )


def _comm_text(process: Process) -> str:
    """The name, one character a byte."""
    return process.comm.encode("utf-8", "surrogateescape").decode("latin-1")


def vmstat_text(machine: Machine) -> str:
    """``vmstat``: the counters that huge pages move."""
    return "".join(f"{name} {value}\n" for name, value in machine.vmstat.items())


def smaps_text(machine: Machine, process: Process) -> Iterator[str]:
    """``smaps``: each mapping, and how it is filled."""
    for vma in list(process.mm.vmas):
        yield _mapping_text(machine, process, vma)


def _mapping_text(machine: Machine, process: Process, vma: Vma) -> str:
    usage = usage_of(process.mm, vma)
    thp, version = machine.thp, machine.kernel.version
    orders = thp.allowable_orders(vma, process.mm, Purpose.SMAPS, thp.smaps_orders)
    size = (vma.end - vma.start) >> 10
    sizes = {
        "Size": size,
        "KernelPageSize": 4,
        "MMUPageSize": 4,
        "Rss": usage.rss,
        "Pss": usage.pss,
        "Pss_Dirty": usage.pss_dirty,
        "Shared_Clean": usage.shared_clean,
        "Shared_Dirty": usage.shared_dirty,
        "Private_Clean": usage.private_clean,
        "Private_Dirty": usage.private_dirty,
        "Referenced": usage.referenced,
        "Anonymous": usage.anonymous,
        "KSM": usage.ksm,
        "LazyFree": usage.lazyfree,
        "AnonHugePages": usage.anon_huge,
        "ShmemPmdMapped": usage.shmem_huge,
        "FilePmdMapped": usage.file_huge,
        "Shared_Hugetlb": 0,
        "Private_Hugetlb": 0,
        "Swap": usage.swap,
        "SwapPss": usage.swap_pss,
        "Locked": usage.pss_locked,
    }
    protection = f"r{'w' if vma.writable else '-'}-p"
    if not version.smaps_ksm:
        del sizes["KSM"]
    lines = [f"{vma.start:x}-{vma.end:x} {protection} 00000000 00:00 0 "]
    lines += [_line(name, int(value), " kB") for name, value in sizes.items()]
    flag = int(bool(orders))
    lines.append(
        _line("THPeligible", flag, "") if version.smaps_padded_flag else f"THPeligible:    {flag}"
    )
    lines.append(f"VmFlags: {' '.join(_flags(vma))} ")
    return "\n".join(lines) + "\n"


def _line(name: str, value: int, unit: str) -> str:
    label = f"{name}:"
    return f"{label}{value:>{_COLUMNS - len(label)}}{unit}"


def _flags(vma: Vma) -> list[str]:
    """The letters of a mapping's flags (show_smap_vma_flags())."""
    named = {
        "rd": True,
        "wr": vma.writable,
        "mr": True,
        "mw": True,
        "me": True,
        "lo": vma.locked,
        "ac": True,
        "hg": vma.hugepage,
        "nh": vma.nohugepage,
    }
    return [name for name, present in named.items() if present]


def _ftrace_enabled() -> TextFile:
    """``sys/kernel/ftrace_enabled``: clients look for it, there is nothing to turn off."""

    def store(request: Request, data: bytes) -> None:
        if not data.strip().isdigit():
            raise refuse(errno.EINVAL)

    return TextFile(0o644, lambda: "1\n", store)
