"""``smaps`` and ``smaps_rollup``: how mappings are filled (fs/proc/task_mmu.c)."""

from __future__ import annotations

from collections.abc import Iterator

from engine import Machine
from engine.machine import Process
from engine.smaps import Usage, usage_of
from engine.thp import Purpose
from engine.vma import Vma
from tracefs_fuse.files.proc.maps import map_line

_COLUMNS = 24
"""Columns of a line up to the end of its number."""

_NAME_COLUMN = 73

_SPECIAL_FLAGS = {
    "[vvar]": "rd mr de dd sd mm",
    "[vvar_vclock]": "rd mr pf io de dd sd",
    "[vdso]": "rd ex mr mw me de sd",
}
"""What the kernel maps of itself."""

_OLD_VVAR_FLAGS = "rd mr pf io de dd sd"
"""... where they are a device's pages."""


def smaps_text(machine: Machine, process: Process) -> Iterator[str]:
    for vma in list(process.mm.vmas):
        yield _mapping_text(machine, process, vma)


def _mapping_text(machine: Machine, process: Process, vma: Vma) -> str:
    usage = usage_of(process.mm, vma)
    thp, version = machine.thp, machine.kernel.version
    orders = thp.allowable_orders(vma, process.mm, Purpose.SMAPS, thp.smaps_orders)
    sizes = {
        "Size": (vma.end - vma.start) >> 10,
        "KernelPageSize": 4,
        "MMUPageSize": 4,
        "Rss": usage.rss,
        "Pss": usage.pss,
        "Pss_Dirty": usage.pss_dirty,
        **_shares(machine, usage),
    }
    eligible = int(bool(orders))
    flag = (
        _line("THPeligible", eligible, "")
        if version.smaps_padded_flag
        else f"THPeligible:    {eligible}\n"
    )
    lines = [map_line(vma), *(_line(name, size) for name, size in sizes.items()), flag]
    return "".join(lines) + f"VmFlags: {_flags(machine, vma)} \n"


def smaps_rollup_text(machine: Machine, process: Process) -> str:
    """All mappings together."""
    vmas = process.mm.vmas
    if not vmas:
        return ""
    total = Usage()
    for vma in vmas:
        total.add(usage_of(process.mm, vma))
    place = f"{vmas[0].start:08x}-{vmas[-1].end:08x} ---p 00000000 00:00 0 "
    sizes = {
        "Rss": total.rss,
        "Pss": total.pss,
        "Pss_Dirty": total.pss_dirty,
        "Pss_Anon": total.pss_anon,
        "Pss_File": total.pss_file,
        "Pss_Shmem": total.pss_shmem,
        **_shares(machine, total),
    }
    lines = [_line(name, size) for name, size in sizes.items()]
    return f"{place:<{_NAME_COLUMN}}[rollup]\n" + "".join(lines)


def _shares(machine: Machine, usage: Usage) -> dict[str, float]:
    """The lines that smaps and smaps_rollup have in common."""
    return {
        "Shared_Clean": usage.shared_clean,
        "Shared_Dirty": usage.shared_dirty,
        "Private_Clean": usage.private_clean,
        "Private_Dirty": usage.private_dirty,
        "Referenced": usage.referenced,
        "Anonymous": usage.anonymous,
        **({"KSM": usage.ksm} if machine.kernel.version.smaps_ksm else {}),
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


def _line(name: str, value: float, unit: str = " kB") -> str:
    label = f"{name}:"
    return f"{label}{int(value):>{_COLUMNS - len(label)}}{unit}\n"


def _flags(machine: Machine, vma: Vma) -> str:
    """The letters of a mapping's flags, by bit (show_smap_vma_flags())."""
    if vma.special and vma.name in _SPECIAL_FLAGS:
        old = vma.name == "[vvar]" and not machine.kernel.version.time_is_ordinary
        return _OLD_VVAR_FLAGS if old else _SPECIAL_FLAGS[vma.name]
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
        "uw": vma.uffd_wp,
        "lo": vma.locked,
        "io": vma.special,
        "dc": vma.dontfork,
        "ac": vma.accounted,
        "sd": not stack,
        "hg": vma.hugepage,
        "nh": vma.nohugepage,
        "mg": vma.mergeable,
    }
    return " ".join(name for name, present in named.items() if present)
