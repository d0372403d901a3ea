"""What differs between kernel versions in the folders of processes, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine import Machine


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
    """Signals that may wait for a user: a matter of the size of memory, here of 2 GiB."""

    pagemap_guards: bool
    """pagemap tells guard regions."""

    pagemap_tells_first: bool
    """Whether others map a page of a huge page, pagemap tells of its first page."""

    zero_is_file: bool
    """The huge page of zeroes is one of a file."""

    marker_type: int
    """Type of swap entries that are markers."""

    release: str
    """The number of the release, as uname(2) tells it."""

    opens_without_memory: bool = False
    """pagemap and smaps_rollup of kernel threads can be opened."""

    ftrace_stays_enabled: bool = False
    """ftrace_enabled can't be made 0."""


_V6_12 = ProcVersion(
    smaps_ksm=True,
    smaps_padded_flag=True,
    smaps_guards=False,
    time_is_ordinary=False,
    status_kthread=True,
    node_bits=1024,
    most_signals=7853,
    pagemap_guards=False,
    pagemap_tells_first=False,
    zero_is_file=True,
    marker_type=0x1F,
    release="6.12.117",
)
_V6_1 = replace(
    _V6_12,
    smaps_ksm=False,
    smaps_padded_flag=False,
    status_kthread=False,
    most_signals=7871,
    marker_type=0x1E,
    release="6.1.192",
    opens_without_memory=True,
)
_V6_18 = replace(
    _V6_12,
    most_signals=7841,
    pagemap_guards=True,
    pagemap_tells_first=True,
    release="6.18.15",
)
_V7_3 = replace(
    _V6_18,
    smaps_guards=True,
    time_is_ordinary=True,
    node_bits=None,
    most_signals=7833,
    zero_is_file=False,
    release="7.3.4",
    ftrace_stays_enabled=True,
)
_VERSIONS = {"6.1": _V6_1, "6.12": _V6_12, "6.18": _V6_18, "7.3": _V7_3}


def version_of(machine: Machine) -> ProcVersion:
    """The switches of a machine's kernel."""
    return _VERSIONS[machine.kernel.version.name]
