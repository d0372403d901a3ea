"""The processes of this machine, as they are now.

Their mappings are at the same addresses, and anonymous and shared memory is present, paged out
and huge where the host's is, as far as you may look: that is what /proc/PID/smaps and
/proc/PID/pagemap say.  The processes are read once, when the lab starts, and do nothing
afterwards; khugepaged begins with the knobs of the host.  So you see what khugepaged would do
here, and what it would do with other knobs.

Of which pages a huge page consists the host tells nobody; ranges that are full are taken for huge
until there are as many as smaps says.  Pages of ordinary files are left out.  Processes that end
meanwhile or may not be read are skipped, and memory beyond four GiB is: the lab says how much.

Turn ``enabled``, ``khugepaged/max_ptes_none``, ...  and compare AnonHugePages in smaps.
"""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, PAGE_SIZE
from engine.mm import MmStruct
from engine.mmap import mmap
from engine.page_table import NEW_ANON, PRESENT, SWAP, WRITE, YOUNG
from engine.vma import AnonVma, Vma

if TYPE_CHECKING:
    from engine.machine import Machine

_PROC = Path("/proc")
_KNOBS = Path("/sys/kernel/mm/transparent_hugepage")
_MOST_PAGES = 1 << 20
"""Pages that are read of all processes together."""

_IS_PRESENT, _IS_SWAPPED = 1 << 63, 1 << 62
_SHARED_MEMORY = ("/memfd:", "/dev/shm/", "/dev/zero", "/SYSV")
_LOG = logging.getLogger(__name__)


@dataclass
class _Mapping:
    """One mapping in smaps; sizes in kB."""

    start: int
    end: int
    rights: str
    offset: int
    path: str
    sizes: dict[str, int] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()


@dataclass
class _Read:
    """What was read, and what was not."""

    processes: int = 0
    skipped: int = 0
    pages: int = 0
    """Pages of mappings that were looked at."""

    present: int = 0
    left_out: int = 0
    """Pages beyond the most."""


def begin(machine: Machine) -> str:
    """Returns what was read, in a line."""
    _take_knobs(machine)
    read = _Read()
    for found in psutil.process_iter(["pid", "name"]):
        try:
            mappings = _mappings(found.pid)
        except OSError:
            read.skipped += 1
            continue
        if not mappings:
            continue  # a thread of the kernel
        process = machine.spawn(found.info["name"] or "?", pid=found.pid)
        read.processes += 1
        for mapping in mappings:
            _map(machine, process.mm, found.pid, mapping, read)
    return (
        f"{read.processes} processes with {read.present * PAGE_SIZE >> 20} MiB were read, "
        f"{read.skipped} may not be read, {read.left_out * PAGE_SIZE >> 20} MiB were left out."
    )


def _take_knobs(machine: Machine) -> None:
    """The host's knobs, where they can be read."""
    thp = machine.thp
    for name in ("enabled", "defrag", "shmem_enabled"):
        word = _text(_KNOBS / name).partition("[")[2].partition("]")[0]
        if word:
            setattr(thp, name, word)
    for name in vars(thp.khugepaged):
        number = _text(_KNOBS / "khugepaged" / name).strip()
        if number.isdecimal() and name not in ("pages_collapsed", "full_scans"):
            setattr(thp.khugepaged, name, type(getattr(thp.khugepaged, name))(int(number)))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _mappings(pid: int) -> list[_Mapping]:
    """Parse smaps.  Raises OSError when the process is gone, or not for us to look at."""
    mappings: list[_Mapping] = []
    for line in (_PROC / str(pid) / "smaps").read_text(errors="replace").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == "VmFlags":
            mappings[-1].flags = frozenset(words)
        elif len(words) == 2 and words[1] == "kB":
            mappings[-1].sizes[name] = int(words[0])
        elif "-" in name.partition(" ")[0]:
            place, rights, offset, _, _, *path = line.split(maxsplit=5)
            start, end = (int(address, 16) for address in place.split("-"))
            mappings.append(
                _Mapping(start, end, rights, int(offset, 16), path[0].strip() if path else "")
            )
    return [mapping for mapping in mappings if mapping.end < 1 << 47]


def _map(machine: Machine, mm: MmStruct, pid: int, mapping: _Mapping, read: _Read) -> None:
    shared = "s" in mapping.rights
    size = mapping.end - mapping.start
    file = None
    if mapping.path.startswith("/") or shared:
        kind = FileKind.MEMFD if mapping.path.startswith(_SHARED_MEMORY) else FileKind.DISK
        path = mapping.path.removesuffix(" (deleted)")
        name = path.removeprefix("/") if kind is FileKind.MEMFD else path
        pages = (mapping.offset + size) // PAGE_SIZE
        file = AddressSpace(machine.kernel, name, kind, pages)
    vma = mmap(
        mm,
        mapping.start,
        size,
        file,
        mapping.offset // PAGE_SIZE,
        shared=shared,
        writable="w" in mapping.rights,
        executable="x" in mapping.rights,
    )
    vma.name = mapping.path if mapping.path.startswith("[") else ""
    vma.readable = "r" in mapping.rights
    vma.hugepage, vma.nohugepage = "hg" in mapping.flags, "nh" in mapping.flags
    vma.locked, vma.special = "lo" in mapping.flags, bool({"io", "pf", "mm"} & mapping.flags)
    if file is None and not vma.special:
        _populate(mm, vma, _states(pid, mapping, read), mapping)
    machine.kernel.khugepaged.enter_vma(mm, vma)


def _states(pid: int, mapping: _Mapping, read: _Read) -> bytes:
    """The state of each page, in a byte, from the first on; fewer than there are when not known."""
    present = mapping.sizes.get("Rss", 0) * 1024 // PAGE_SIZE
    swapped = mapping.sizes.get("Swap", 0) * 1024 // PAGE_SIZE
    if not present + swapped:
        return b""
    count = (mapping.end - mapping.start) // PAGE_SIZE
    if read.pages + count > _MOST_PAGES:
        read.left_out += present
        return b""
    read.pages += count
    read.present += present + swapped
    try:
        entries = array("Q")
        with (_PROC / str(pid) / "pagemap").open("rb", buffering=0) as pagemap:
            pagemap.seek(mapping.start // PAGE_SIZE * entries.itemsize)
            entries.frombytes(pagemap.read(count * entries.itemsize))
    except OSError:
        _LOG.info("pagemap of process %d can't be read", pid)
        return bytes([NEW_ANON]) * present + bytes([SWAP]) * swapped
    return bytes(
        NEW_ANON if entry & _IS_PRESENT else SWAP if entry & _IS_SWAPPED else 0 for entry in entries
    )


def _populate(mm: MmStruct, vma: Vma, states: bytes, mapping: _Mapping) -> None:
    """Give a mapping pages in these states."""
    if not any(states):
        return
    vma.anon_vma = AnonVma()
    mm.kernel.memory.swap_total += states.count(SWAP)
    huge = mapping.sizes.get("AnonHugePages", 0) // 2048
    old = mapping.sizes.get("Referenced", 0) * 2 < mapping.sizes.get("Rss", 0)
    kept = ~((YOUNG if old else 0) | (0 if vma.writable else WRITE))
    for base, first, last in mm.ranges(vma.start, vma.end):
        at = (base - vma.start) // PAGE_SIZE
        part = bytes(
            state & kept if state & PRESENT else state for state in states[at + first : at + last]
        )
        if not any(part):
            continue
        if huge and len(part) == HPAGE_PMD_NR and all(state & PRESENT for state in part):
            folio = mm.kernel.allocate_anon(mm, HPAGE_PMD_ORDER)
            if folio is not None:
                mm.map_huge(base, folio, part[0])
                huge -= 1
                continue
        mm.fill(base, first, part)
