"""What differs between kernel versions in the folders of processes, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine import Machine


@dataclass(frozen=True)
class Ram:
    """The memory of a machine of eight GiB and four CPUs on which nothing runs; sizes in kB."""

    total: int
    unavailable: int
    """By how much MemAvailable is less than MemFree."""

    normal_free: int
    """Free pages of the zone Normal."""

    dma32: tuple[int, ...]
    """Free blocks of the zone DMA32 by order."""

    reclaimable_slab: int
    unreclaimable_slab: int
    kernel_stack: int
    vmalloc: int
    percpu: int
    direct_map: tuple[int, int, int]
    """Kilobytes mapped by pages of 4 KiB, 2 MiB and 1 GiB."""


_DMA32 = (0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 746)


@dataclass(frozen=True)
class ProcVersion:
    """Named switches for one kernel version."""

    smaps_ksm: bool
    """smaps has a line for pages merged by KSM."""

    smaps_padded_flag: bool
    """THPeligible in smaps is padded as the sizes are."""

    smaps_guards: bool
    """VmFlags tell of mappings that may have guard regions."""

    time_is_ordinary: bool
    """The pages of the vDSO's time have page structures (VM_MIXEDMAP)."""

    status_kthread: bool
    """status tells kernel threads, the mask of addresses, and features of threads."""

    node_bits: int | None
    """Digits of Mems_allowed: for so many nodes; None for those that there are."""

    most_signals: int
    """Signals that may wait for a user: a matter of the size of memory, here of 8 GiB."""

    pagemap_guards: bool
    """pagemap tells guard regions."""

    pagemap_tells_first: bool
    """Whether others map a page of a huge page, pagemap tells of its first page."""

    zero_is_file: bool
    """The huge page of zeroes is one of a file."""

    marker_type: int
    """Type of swap entries that are markers."""

    ram: Ram
    """The memory of the machine."""

    faulted_is_active: bool
    """Pages begin as active when a fault brings them (lru_gen_add_folio())."""

    meminfo_lacks: frozenset[str]
    """Lines of meminfo that later versions, or their configurations, have."""

    opens_without_memory: bool = False
    """pagemap and smaps_rollup of kernel threads can be opened."""

    ftrace_stays_enabled: bool = False
    """ftrace_enabled can't be made 0."""


_LACKING_6_18 = frozenset({"Zswap", "Zswapped", "CmaTotal", "CmaFree", "GPUActive", "GPUReclaim"})
_V6_12 = ProcVersion(
    smaps_ksm=True,
    smaps_padded_flag=True,
    smaps_guards=False,
    time_is_ordinary=False,
    status_kthread=True,
    node_bits=1024,
    most_signals=31746,
    pagemap_guards=False,
    pagemap_tells_first=False,
    zero_is_file=True,
    marker_type=0x1F,
    ram=Ram(
        total=8138656,
        unavailable=135860,
        normal_free=1252580,
        dma32=_DMA32,
        reclaimable_slab=816,
        unreclaimable_slab=8820,
        kernel_stack=1312,
        vmalloc=4560,
        percpu=1104,
        direct_map=(26496, 5216256, 5242880),
    ),
    faulted_is_active=True,
    meminfo_lacks=_LACKING_6_18 | {"Balloon"},
)
_V6_1 = replace(
    _V6_12,
    smaps_ksm=False,
    smaps_padded_flag=False,
    status_kthread=False,
    most_signals=31765,
    marker_type=0x1E,
    opens_without_memory=True,
    ram=Ram(
        total=8144184,
        unavailable=131796,
        normal_free=1253971,
        dma32=(1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 746),
        reclaimable_slab=8972,
        unreclaimable_slab=7736,
        kernel_stack=1120,
        vmalloc=4348,
        percpu=1024,
        direct_map=(28544, 5214208, 5242880),
    ),
    faulted_is_active=False,
    meminfo_lacks=_V6_12.meminfo_lacks | {"HardwareCorrupted", "Unaccepted"},
)
_V6_18 = replace(
    _V6_12,
    most_signals=31735,
    pagemap_guards=True,
    pagemap_tells_first=True,
    ram=Ram(
        total=8136852,
        unavailable=136040,
        normal_free=1262424,
        dma32=(5, 2, 4, 2, 2, 4, 3, 4, 5, 3, 733),
        reclaimable_slab=808,
        unreclaimable_slab=9144,
        kernel_stack=1328,
        vmalloc=4560,
        percpu=1040,
        direct_map=(24448, 3121152, 7340032),
    ),
    meminfo_lacks=_LACKING_6_18,
)
_V7_3 = replace(
    _V6_18,
    smaps_guards=True,
    time_is_ordinary=True,
    node_bits=None,
    most_signals=31727,
    zero_is_file=False,
    ram=Ram(
        total=8132888,
        unavailable=135756,
        normal_free=1250940,
        dma32=_DMA32,
        reclaimable_slab=1028,
        unreclaimable_slab=10004,
        kernel_stack=1392,
        vmalloc=4664,
        percpu=1056,
        direct_map=(20352, 4173824, 6291456),
    ),
    meminfo_lacks=frozenset(),
    ftrace_stays_enabled=True,
)
_VERSIONS = {"6.1": _V6_1, "6.12": _V6_12, "6.18": _V6_18, "7.3": _V7_3}


def version_of(machine: Machine) -> ProcVersion:
    """The switches of a machine's kernel."""
    return _VERSIONS[machine.kernel.version.name]
