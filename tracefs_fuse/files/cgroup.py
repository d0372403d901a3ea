"""``/sys/fs/cgroup``: the memory cgroups of the lab (kernel/cgroup/cgroup.c, mm/memcontrol.c).

There are no files of the root, and cgroups are neither made nor left through files.
"""

from __future__ import annotations

import errno
import re

from engine import Machine
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.memcg import MemCgroup
from engine.meminfo import memory_in_use
from tracefs_fuse.files.node import Directory, FileSystem, Node, Request, Show, Store, TextFile
from tracefs_fuse.files.proc.versions import version_of
from tracefs_fuse.tracing.numbers import refuse

_CGROUP2 = FileSystem(name_limit=255)
_SIZE = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)([kKmMgGtTpPeE]?)")
_SUFFIXES = "kmgtpe"
_MASK_64 = (1 << 64) - 1
_PAGE_COUNTER_MAX = ((1 << 63) - 1) // PAGE_SIZE
"""Pages from which on a limit is none."""


def cgroup_tree(machine: Machine) -> Directory:
    """The root of the hierarchy of a machine."""
    return _Cgroups(machine)


class _Cgroups(Directory):
    """A folder for each cgroup, as long as there is one."""

    filesystem = _CGROUP2

    def __init__(self, machine: Machine) -> None:
        super().__init__({}, mode=0o555)
        self._machine = machine
        self._folders: dict[MemCgroup, Directory] = {}

    @property
    def links(self) -> int:
        return 2 + len(self._machine.kernel.cgroups)

    def lookup(self, name: str) -> Node | None:
        memcg = self._machine.kernel.cgroups.get(name)
        return None if memcg is None else self._folder(memcg)

    def children(self) -> dict[str, Node]:
        cgroups = self._machine.kernel.cgroups
        return {name: self._folder(memcg) for name, memcg in cgroups.items()}

    def _folder(self, memcg: MemCgroup) -> Directory:
        """Stays the same as long as the cgroup does."""
        folder = self._folders.get(memcg)
        if folder is None:
            alive = self._machine.kernel.cgroups.values()
            self._folders = {m: tree for m, tree in self._folders.items() if m in alive}
            folder = self._folders[memcg] = _memcg_tree(self._machine, memcg)
        return folder


def _memcg_tree(machine: Machine, memcg: MemCgroup) -> Directory:
    """cgroup_base_files in kernel/cgroup/cgroup.c and memory_files in mm/memcontrol.c."""

    def store_max(request: Request, data: bytes) -> None:
        memcg.limit = parse_limit(data)

    return Directory(
        {
            "cgroup.procs": _file(lambda: _procs_text(machine, memcg), _attach),
            "memory.current": _file(lambda: f"{memcg.usage * PAGE_SIZE}\n"),
            "memory.events": _file(lambda: _events_text(machine, memcg)),
            "memory.max": _file(lambda: _limit_text(memcg), store_max),
            "memory.stat": _file(lambda: stat_text(machine, memcg)),
        }
    )


def _file(show: Show, store: Store | None = None) -> TextFile:
    return TextFile(0o444 if store is None else 0o644, show, store, splices=True)


def _procs_text(machine: Machine, memcg: MemCgroup) -> str:
    """cgroup_procs_show() in kernel/cgroup/cgroup.c."""
    members = sorted(pid for pid, p in machine.processes.items() if p.mm.memcg is memcg)
    return "".join(f"{pid}\n" for pid in members)


def _attach(request: Request, data: bytes) -> None:
    """cgroup_procs_write(): EACCES, as for those who may not move processes."""
    raise refuse(errno.EACCES)


def parse_limit(data: bytes) -> int | None:
    """page_counter_memparse() in mm/page_counter.c.

    Returns pages, rounded down; None for no limit.  Raises EINVAL for what is neither ``max`` nor
    a number of bytes; the empty text is 0.
    """
    text = data.partition(b"\0")[0].decode("latin-1").strip()
    if text == "max":
        return None
    size = 0
    if text:
        found = _SIZE.fullmatch(text)
        if found is None:
            raise refuse(errno.EINVAL)
        digits, suffix = found.groups()
        octal = digits.startswith("0") and digits.isdecimal()
        size = int(digits, 8 if octal else 0)
        if suffix:
            size <<= 10 * (_SUFFIXES.index(suffix.lower()) + 1)
    pages = (size & _MASK_64) // PAGE_SIZE
    return None if pages >= _PAGE_COUNTER_MAX else pages


def _limit_text(memcg: MemCgroup) -> str:
    """memory_max_show() in mm/memcontrol.c."""
    return "max\n" if memcg.limit is None else f"{memcg.limit * PAGE_SIZE}\n"


def _events_text(machine: Machine, memcg: MemCgroup) -> str:
    """memory_events_show() in mm/memcontrol.c."""
    counts = {"low": 0, "high": 0, "max": memcg.hits, "oom": 0, "oom_kill": 0, "oom_group_kill": 0}
    if machine.kernel.version.name in _TELLS_SOCKETS:
        counts["sock_throttled"] = 0
    return "".join(f"{name} {count}\n" for name, count in counts.items())


# -- memory.stat ---------------------------------------------------------------------------

_TELLS_SOCKETS = frozenset({"7.3"})
"""Kernels in which memory.events has a line for sockets."""

_KERNEL = "anon file kernel kernel_stack pagetables sec_pagetables percpu sock vmalloc shmem"
_LISTS = (
    "file_mapped file_dirty file_writeback swapcached anon_thp file_thp shmem_thp inactive_anon "
    "active_anon inactive_file active_file unevictable slab_reclaimable slab_unreclaimable slab "
    "workingset_refault_anon workingset_refault_file workingset_activate_anon "
    "workingset_activate_file workingset_restore_anon workingset_restore_file "
    "workingset_nodereclaim"
)
_AGING = "pgactivate pgdeactivate pglazyfree pglazyfreed"
_HUGE = "thp_fault_alloc thp_collapse_alloc"
_SWPOUT = "thp_swpout thp_swpout_fallback numa_pages_migrated numa_pte_updates numa_hint_faults"
_BY_TWO = ("kswapd", "direct")
_BY_THREE = (*_BY_TWO, "khugepaged")
_BY_FOUR = (*_BY_THREE, "proactive")


def _by(reclaimers: tuple[str, ...], *names: str) -> str:
    """The names of counters for each of those on whose behalf memory is reclaimed."""
    return " ".join(f"{name}_{reclaimer}" for name in names for reclaimer in reclaimers)


_STAT = {
    "6.1": f"{_KERNEL} {_LISTS} pgscan pgsteal {_by(_BY_TWO, 'pgscan', 'pgsteal')} "
    f"pgfault pgmajfault pgrefill {_AGING} {_HUGE}",
    "6.12": f"{_KERNEL} {_LISTS} {_by(_BY_THREE, 'pgdemote')} pgpromote_success pgscan pgsteal "
    f"{_by(_BY_THREE, 'pgscan', 'pgsteal')} pgfault pgmajfault pgrefill {_AGING} "
    f"swpin_zero swpout_zero {_HUGE} {_SWPOUT}",
    "6.18": f"{_KERNEL} {_LISTS} {_by(_BY_FOUR, 'pgdemote')} pgpromote_success pgscan pgsteal "
    f"pswpin pswpout {_by(_BY_FOUR, 'pgscan', 'pgsteal')} pgfault pgmajfault pgrefill {_AGING} "
    f"swpin_zero swpout_zero {_HUGE} {_SWPOUT}",
    "7.3": f"{_KERNEL} zswap zswapped zswap_incomp {_LISTS} "
    f"{_by(_BY_FOUR, 'pgdemote', 'pgsteal', 'pgscan')} pgrefill pgpromote_success pgscan pgsteal "
    f"pswpin pswpout pgfault pgmajfault {_AGING} swpin_zero swpout_zero zswpin zswpout zswpwb "
    f"{_HUGE} {_SWPOUT}",
}
"""The lines of memory.stat by version, in order."""


def stat_text(machine: Machine, memcg: MemCgroup) -> str:
    """memory_stat_format() in mm/memcontrol.c.  Lines are bytes, but for events."""
    lines = _sizes(machine, memcg)
    return "".join(
        f"{name} {lines[name] if name in lines else memcg.vmstat[name]}\n"
        for name in _STAT[machine.kernel.version.name].split()
    )


def _sizes(machine: Machine, memcg: MemCgroup) -> dict[str, int]:
    """The lines that are sizes and not 0, in bytes."""
    use = memory_in_use((process.mm for process in machine.processes.values()), memcg)
    counted = memcg.vmstat
    shmem = counted["nr_shmem"]
    files = counted["nr_file_pages"] - shmem
    anon = max(0, use.anon + use.swapcached - use.mlocked + shmem)
    used = "active" if version_of(machine).faulted_is_active else "inactive"
    pages = {
        "anon": use.anon,
        "file": files + shmem,
        "shmem": shmem,
        "file_mapped": use.file_mapped,
        "file_dirty": use.dirty,
        "swapcached": use.swapcached,
        f"{used}_anon": anon,
        f"{used}_file": files,
        "unevictable": use.mlocked,
    }
    huge = {
        "anon_thp": counted["nr_anon_transparent_hugepages"],
        "file_thp": counted["nr_file_hugepages"],
        "shmem_thp": counted["nr_shmem_hugepages"],
    }
    return {
        **{name: count * PAGE_SIZE for name, count in pages.items()},
        **{name: count * HPAGE_PMD_SIZE for name, count in huge.items()},
    }
