"""``smaps`` and ``smaps_rollup``: how mappings are filled (fs/proc/task_mmu.c)."""

from __future__ import annotations

from collections.abc import Iterator

from engine import Machine
from engine.smaps import Usage, pss_kb, usage_of
from engine.task import Process
from engine.thp import Purpose
from engine.vma import Vma
from tracefs_fuse.files.proc.pid.maps import header_line, map_line
from tracefs_fuse.files.proc.versions import ProcVersion, version_of

_LABEL, _NUMBER = 16, 8
"""Columns of a line: its label, and at least for its number."""

_PFNMAP_FLAGS = "rd mr pf io de dd sd"
_SPECIAL_FLAGS = {"[vdso]": "rd ex mr mw me de sd"}
"""What the kernel maps of itself; where nothing is said, pages without page structures."""

_ORDINARY_TIME = "rd mr de dd sd mm"


def smaps_text(machine: Machine, process: Process) -> Iterator[str]:
    for vma in list(process.mm.vmas):
        yield _mapping_text(machine, process, vma)


def _mapping_text(machine: Machine, process: Process, vma: Vma) -> str:
    """show_smap()."""
    usage = usage_of(process.mm, vma)
    thp, version = machine.thp, version_of(machine)
    orders = thp.allowable_orders(vma, process.mm, Purpose.SMAPS, thp.smaps_orders)
    width = _NUMBER if version.smaps_padded_flag else 1
    lines = [
        map_line(vma),
        _line("Size", (vma.end - vma.start) >> 10),
        _line("KernelPageSize", 4),
        _line("MMUPageSize", 4),
        _line("Rss", usage.rss),
        _line("Pss", pss_kb(usage.pss)),
        _line("Pss_Dirty", pss_kb(usage.pss_dirty)),
        *_shares(version, usage),
        f"{'THPeligible:':<{_LABEL}}{int(bool(orders)):>{width}}\n",
        f"VmFlags: {_flags(version, vma)} \n",
    ]
    return "".join(lines)


def smaps_rollup_text(machine: Machine, process: Process) -> str:
    """All mappings together: show_smaps_rollup()."""
    vmas = process.mm.vmas
    total = Usage()
    for vma in vmas:
        total.add(usage_of(process.mm, vma))
    start, end = (vmas[0].start, vmas[-1].end) if vmas else (0, 0)
    lines = [
        header_line(start, end, "---p 00000000 00:00 0", "[rollup]"),
        _line("Rss", total.rss),
        _line("Pss", pss_kb(total.pss)),
        _line("Pss_Dirty", pss_kb(total.pss_dirty)),
        _line("Pss_Anon", pss_kb(total.pss_anon)),
        _line("Pss_File", pss_kb(total.pss_file)),
        _line("Pss_Shmem", pss_kb(total.pss_shmem)),
        *_shares(version_of(machine), total),
    ]
    return "".join(lines)


def _shares(version: ProcVersion, usage: Usage) -> list[str]:
    """The lines that smaps and smaps_rollup have in common: the rest of __show_smap()."""
    sizes = {
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
        "SwapPss": pss_kb(usage.swap_pss),
        "Locked": pss_kb(usage.pss_locked),
    }
    if not version.smaps_ksm:
        del sizes["KSM"]
    return [_line(name, size) for name, size in sizes.items()]


def _line(name: str, size: int) -> str:
    return f"{name + ':':<{_LABEL}}{size:>{_NUMBER}} kB\n"


def _flags(version: ProcVersion, vma: Vma) -> str:
    """The letters of a mapping's flags, by bit: show_smap_vma_flags()."""
    if vma.special:
        if vma.name == "[vvar]" and version.time_is_ordinary:
            return _ORDINARY_TIME
        return _SPECIAL_FLAGS.get(vma.name, _PFNMAP_FLAGS)
    stack = vma.name == "[stack]"
    named = {
        "rd": vma.readable,
        "wr": vma.writable,
        "ex": vma.executable,
        "sh": vma.shared,
        "mr": True,
        "mw": True,
        "me": True,
        "ms": vma.shared,
        "gd": stack,
        "um": vma.uffd_missing,
        "gu": vma.guarded and version.smaps_guards,
        "uw": vma.uffd_wp,
        "lo": vma.locked,
        "dc": vma.dontfork,
        "ac": vma.accounted,
        "sd": not stack,
        "hg": vma.hugepage,
        "nh": vma.nohugepage,
        "mg": vma.mergeable,
    }
    return " ".join(name for name, present in named.items() if present)
