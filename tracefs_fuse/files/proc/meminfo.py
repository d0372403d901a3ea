"""``meminfo``: the machine's memory (meminfo_proc_show() in fs/proc/meminfo.c)."""

from __future__ import annotations

from engine import Machine
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.free_area import pages_in
from engine.meminfo import MemoryInUse, memory_in_use
from engine.memory import NODE_PAGES
from tracefs_fuse.files.proc.versions import Ram, version_of
from tracefs_fuse.files.proc.zones import DMA, zones_of

_PAGE_KB, _HUGE_KB = PAGE_SIZE >> 10, HPAGE_PMD_SIZE >> 10
_VMALLOC_KB = (1 << 45) - (1 << 10) >> 10
"""The size of the addresses for vmalloc()."""

_WIDTHS = {"HardwareCorrupted": 6}
"""Columns of numbers that are not eight wide."""


def meminfo_text(machine: Machine) -> str:
    """All lines that the version has."""
    lacks = version_of(machine).meminfo_lacks
    return "".join(
        f"{name + ':':<16}{value:>{_WIDTHS.get(name, 8)}}{unit}\n"
        for name, (value, unit) in _lines(machine).items()
        if name not in lacks
    )


def _lines(machine: Machine) -> dict[str, tuple[int, str]]:
    """Each line's number and unit, in the kernel's order."""
    sizes = _sizes(machine)
    huge = dict.fromkeys(
        ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp"), (0, "")
    )
    direct = dict(
        zip(
            ("DirectMap4k", "DirectMap2M", "DirectMap1G"),
            version_of(machine).ram.direct_map,
            strict=True,
        )
    )
    last = {"Hugepagesize": _HUGE_KB, "Hugetlb": 0, **direct}
    return {
        **{name: (size, " kB") for name, size in sizes.items()},
        **huge,
        **{name: (size, " kB") for name, size in last.items()},
    }


def _sizes(machine: Machine) -> dict[str, int]:
    """The lines in kB, up to those of hugetlbfs."""
    version, memory, vmstat = version_of(machine), machine.kernel.memory, machine.vmstat
    ram = version.ram
    use = memory_in_use(process.mm for process in machine.processes.values())
    total = ram.total + (memory.nodes - 1) * NODE_PAGES * _PAGE_KB
    free = sum(pages_in(zone.free) for zone in zones_of(machine)) * _PAGE_KB
    shmem = vmstat["nr_shmem"] * _PAGE_KB
    files = vmstat["nr_file_pages"] * _PAGE_KB - shmem
    anon = _evictable_anon(use, shmem)
    lists = ((anon, files), (0, 0)) if version.faulted_is_active else ((0, 0), (anon, files))
    active, inactive = lists
    unreclaimable = ram.unreclaimable_slab + _held(machine, ram, free)
    swap_total = memory.swap_total * _PAGE_KB
    return {
        "MemTotal": total,
        "MemFree": free,
        "MemAvailable": max(0, free - ram.unavailable + files - files // 2),
        "Buffers": 0,
        "Cached": files + shmem,
        "SwapCached": use.swapcached * _PAGE_KB,
        "Active": sum(active),
        "Inactive": sum(inactive),
        "Active(anon)": active[0],
        "Inactive(anon)": inactive[0],
        "Active(file)": active[1],
        "Inactive(file)": inactive[1],
        "Unevictable": use.mlocked * _PAGE_KB,
        "Mlocked": use.mlocked * _PAGE_KB,
        "SwapTotal": swap_total,
        "SwapFree": memory.swap * _PAGE_KB,
        "Zswap": 0,
        "Zswapped": 0,
        "Dirty": use.dirty * _PAGE_KB,
        "Writeback": 0,
        "AnonPages": use.anon * _PAGE_KB,
        "Mapped": use.file_mapped * _PAGE_KB,
        "Shmem": shmem,
        "KReclaimable": ram.reclaimable_slab,
        "Slab": ram.reclaimable_slab + unreclaimable,
        "SReclaimable": ram.reclaimable_slab,
        "SUnreclaim": unreclaimable,
        "KernelStack": ram.kernel_stack,
        "PageTables": use.page_tables * _PAGE_KB,
        "SecPageTables": 0,
        "NFS_Unstable": 0,
        "Bounce": 0,
        "WritebackTmp": 0,
        "CommitLimit": total // _PAGE_KB // 2 * _PAGE_KB + swap_total,
        "Committed_AS": use.committed * _PAGE_KB,
        "VmallocTotal": _VMALLOC_KB,
        "VmallocUsed": ram.vmalloc,
        "VmallocChunk": 0,
        "Percpu": ram.percpu,
        "HardwareCorrupted": 0,
        "AnonHugePages": vmstat["nr_anon_transparent_hugepages"] * _HUGE_KB,
        "ShmemHugePages": vmstat["nr_shmem_hugepages"] * _HUGE_KB,
        "ShmemPmdMapped": vmstat["nr_shmem_pmdmapped"] * _HUGE_KB,
        "FileHugePages": vmstat["nr_file_hugepages"] * _HUGE_KB,
        "FilePmdMapped": vmstat["nr_file_pmdmapped"] * _HUGE_KB,
        "CmaTotal": 0,
        "CmaFree": 0,
        "Unaccepted": 0,
        "Balloon": 0,
        "GPUActive": 0,
        "GPUReclaim": 0,
    }


def _evictable_anon(use: MemoryInUse, shmem: int) -> int:
    """The kB of anonymous and shared memory that is not locked."""
    return max(0, (use.anon + use.swapcached - use.mlocked) * _PAGE_KB + shmem)


def _held(machine: Machine, ram: Ram, free: int) -> int:
    """Kilobytes that are neither free nor used by the lab's processes."""
    memory = machine.kernel.memory
    boot = pages_in(list(DMA)) + pages_in(list(ram.dma32)) + ram.normal_free * memory.nodes
    return max(0, (boot - memory.pages_used) * _PAGE_KB - free)
