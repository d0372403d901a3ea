"""The words of scenes, as a table: how each is used, what it means, what it does."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from engine import fault, madvise, mmap, splice
from engine.filemap import AddressSpace, FileKind
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE, Folio
from engine.memcg import MemCgroup
from engine.memory import Fragmentation
from engine.mm import MmStruct, ThpDisabled, refuse
from engine.scene import pages
from engine.signals import BusError, SegmentationFault
from engine.smaps import Usage, usage_of
from engine.thp import ORDERS, Purpose
from engine.vma import Vma

if TYPE_CHECKING:
    from engine.kernel import Kernel
    from engine.scene.stage import Stage
    from engine.task import Process

BASE = 0x400000000000
"""Where the mapping of a scene is."""

_SWAP_PAGES = 256 << 20 >> 12


class UnknownStep(ValueError):
    """A line that is no step; its text says which words there are."""


@dataclass(frozen=True)
class Word:
    """One word of the language."""

    usage: str
    """How it is written: capitals stand for values, ``|`` for a choice, [..] for what may be
    left out."""

    meaning: str
    do: Callable[..., None]
    """Takes the stage, the address space and the values."""


_NUMBERS = frozenset({"A", "B", "N", "M", "TO", "DISTANCE", "ORDER"})


def parse(line: str) -> tuple[Word, list[str]]:
    """The word of a line and its values.  Raises UnknownStep."""
    name, *values = line.split()
    word = WORDS.get(name)
    if word is None:
        raise UnknownStep(f"{line!r}: no such word; there are {', '.join(sorted(WORDS))}")
    wanted = word.usage.split()[1:]
    if wanted[-1:] == ["STEP"]:
        values = [*values[: len(wanted) - 1], " ".join(values[len(wanted) - 1 :])]
        if values[-1] != "idle":
            parse(values[-1] or "nothing")
    least = sum(not part.startswith("[") for part in wanted)
    fits = least <= len(values) <= len(wanted) and all(map(_fits, wanted, values))
    if not fits:
        raise UnknownStep(f"{line!r}: is written as {word.usage!r}")
    return word, values


def _fits(wanted: str, value: str) -> bool:
    """A value may stand where a word wants a number, or one of several words."""
    part = wanted.strip("[]")
    if "|" in part:
        return value in part.split("|")
    return part not in _NUMBERS or value.isdecimal()


def do(stage: Stage, mm: MmStruct, line: str) -> None:
    """Take a step.  Raises OSError where the kernel refuses it."""
    word, values = parse(line)
    word.do(stage, mm, *values)


class Killed(Exception):
    """The process got a signal that it did not survive; the text is the signal's name."""


def _access(stage: Stage, mm: MmStruct, first: str, last: str, *, write: bool) -> None:
    try:
        fault.touch(mm, *_addresses(first, last), write=write)
    except SegmentationFault:
        raise Killed("SIGSEGV") from None
    except BusError:
        raise Killed("SIGBUS") from None


def _addresses(first: str, last: str) -> tuple[int, int]:
    return BASE + int(first) * PAGE_SIZE, BASE + (int(last) + 1) * PAGE_SIZE


def _on_pages(function: Callable[[MmStruct, int, int], None]) -> Callable[..., None]:
    """A word that does something to a range of pages."""

    def apply(stage: Stage, mm: MmStruct, first: str, last: str) -> None:
        function(mm, *_addresses(first, last))

    return apply


def _on_folios(function: Callable[[Folio], None]) -> Callable[..., None]:
    """A word that changes what there is to know of the pages in a range."""

    def apply(stage: Stage, mm: MmStruct, first: str, last: str) -> None:
        for folio in pages.folios(mm, *_addresses(first, last)):
            function(folio)

    return apply


# -- knobs and mappings ------------------------------------------------------------------------


def _knob(stage: Stage, mm: MmStruct, name: str, value: str) -> None:
    stage.set_knob(name, value)


def set_knob(kernel: Kernel, name: str, value: str) -> None:
    """Set a knob by its path; ENOENT when there is none."""
    thp = kernel.thp
    folder, _, knob = name.rpartition("/")
    holders: dict[str, Any] = {"": thp, "khugepaged": thp.khugepaged}
    for order in ORDERS:
        holders[f"hugepages-{PAGE_SIZE << order >> 10}kB"] = thp.sizes[order]
    holder = holders.get(folder)
    old = getattr(holder, knob, None)
    if not isinstance(old, (str, int)):
        raise refuse(errno.ENOENT)
    setattr(holder, knob, value if isinstance(old, str) else type(old)(int(value)))
    if knob in ("enabled", "shmem_enabled"):
        kernel.khugepaged.start_stop()


_KINDS = {
    "shmem": ("memfd:scene", FileKind.MEMFD),
    "file": ("/tmp/scene.bin", FileKind.TMPFS),
    "disk": ("/home/scene.dat", FileKind.DISK),
}


def _map(stage: Stage, mm: MmStruct, kind: str, count: str, sharing: str = "shared") -> None:
    size = int(count) * HPAGE_PMD_SIZE
    stage.pages = int(count) << HPAGE_PMD_ORDER
    if kind == "anon":
        mmap.mmap(mm, BASE, size)
        return
    name, file_kind = _KINDS[kind]
    file = stage.files.get(name) if file_kind is not FileKind.MEMFD else None
    if file is None:
        file = AddressSpace(stage.kernel, name, file_kind, stage.pages)
        if file_kind is not FileKind.MEMFD:
            stage.files[name] = file
        if file_kind is FileKind.TMPFS:
            file.huge = stage.tmpfs_huge
    elif file.size != stage.pages:
        file.truncate(stage.pages)
    mmap.mmap(mm, BASE, size, file, shared=sharing == "shared")


def _tmpfs(stage: Stage, mm: MmStruct, huge: str) -> None:
    stage.tmpfs_huge = huge
    for file in stage.files.values():
        if file.kind is FileKind.TMPFS:
            file.huge = huge


def _mapping(mm: MmStruct) -> Vma:
    """The first part of what the scene mapped."""
    vma = mm.find_vma(BASE)
    if vma is None or vma.start < BASE:
        raise refuse(errno.ENOMEM)
    return vma


def _file(mm: MmStruct) -> AddressSpace:
    mapping = _mapping(mm).mapping
    if mapping is None:
        raise refuse(errno.EINVAL)
    return mapping


def _advise(stage: Stage, mm: MmStruct, advice: str, first: str, last: str) -> None:
    if advice not in madvise.ADVICE:
        raise refuse(errno.EINVAL)
    step = partial(madvise.madvise, mm, *_addresses(first, last), advice)
    if advice == "collapse":
        stage.say(f"COLLAPSE {stage.refusal(step) or 'OK'}")
        stage.machine.settle()
    else:
        step()


def _protect(stage: Stage, mm: MmStruct, rights: str, first: str, last: str) -> None:
    start, end = _addresses(first, last)
    mmap.mprotect(mm, start, end, readable="r" in rights, writable="w" in rights)


def _userfaultfd_write_protect(stage: Stage, mm: MmStruct, first: str, last: str) -> None:
    mmap.register_userfaultfd(mm, BASE, BASE + stage.pages * PAGE_SIZE, "wp")
    mmap.write_protect(mm, *_addresses(first, last))


def _userfaultfd_missing(stage: Stage, mm: MmStruct) -> None:
    mmap.register_userfaultfd(mm, BASE, BASE + stage.pages * PAGE_SIZE, "missing")


def _remap(
    stage: Stage, mm: MmStruct, first: str, last: str, target: str, count: str | None = None
) -> None:
    size = None if count is None else int(count) * PAGE_SIZE
    mmap.mremap(mm, *_addresses(first, last), BASE + int(target) * PAGE_SIZE, size)


# -- processes ---------------------------------------------------------------------------------


def _fork(stage: Stage, mm: MmStruct, step: str) -> None:
    child = stage.child = stage.machine.fork(stage.process_of(mm))
    stage.machine.settle()
    if step != "idle":
        said = list(stage.outcome.said)
        _in_child(stage, child, step)
        stage.outcome.said[:] = said


def _in_child(stage: Stage, child: Process, step: str) -> None:
    with stage.machine.running(child.task):
        try:
            refusal = stage.refusal(partial(do, stage, child.mm, step))
        except Killed as signal:
            refusal = f"KILLED {signal}"
            stage.machine.exit(child)
    if refusal:
        stage.say(f"CHILD {step}: {refusal}")


def _child(stage: Stage, mm: MmStruct, step: str) -> None:
    if stage.child is None or not stage.child.mm.users:
        raise refuse(errno.ESRCH)
    _in_child(stage, stage.child, step)


def _reap(stage: Stage, mm: MmStruct) -> None:
    if stage.child is not None and stage.child.mm.users:
        stage.machine.exit(stage.child)


def _exit(stage: Stage, mm: MmStruct) -> None:
    stage.machine.exit(stage.process_of(mm))


def _thp(stage: Stage, mm: MmStruct, mode: str) -> None:
    modes = {"on": ThpDisabled.NO, "off": ThpDisabled.COMPLETELY}
    if stage.kernel.version.disables_except_advised:
        modes["advised"] = ThpDisabled.EXCEPT_ADVISED
    if mode not in modes:
        raise refuse(errno.EINVAL)
    mm.thp_disabled = modes[mode]


def _contend(stage: Stage, mm: MmStruct, mode: str) -> None:
    mm.locked = mode == "on"


# -- memory ------------------------------------------------------------------------------------


def _swap(stage: Stage, mm: MmStruct, on: str) -> None:
    if not stage.swap_is_on:
        stage.kernel.memory.swap_on(_SWAP_PAGES)
        stage.swap_is_on = True


def _cgroup(stage: Stage, mm: MmStruct, count: str) -> None:
    """Earlier pages stay charged where they are."""
    cgroups = stage.kernel.cgroups
    name = f"scene{len(cgroups) + 1}" if cgroups else "scene"
    mm.memcg = cgroups[name] = MemCgroup(name, int(count))


def _memory(stage: Stage, mm: MmStruct, count: str) -> None:
    stage.kernel.memory.limit = stage.kernel.memory.pages_used + int(count)


def _fragment(stage: Stage, mm: MmStruct, ready: str, compactable: str = "0") -> None:
    stage.kernel.memory.fragmentation = Fragmentation(
        ready=int(ready), compactable=int(compactable)
    )


def _nodes(stage: Stage, mm: MmStruct, count: str, distance: str) -> None:
    stage.kernel.memory.resize(int(count), int(distance))


def _node(stage: Stage, mm: MmStruct, number: str) -> None:
    if int(number) >= stage.kernel.memory.nodes:
        raise refuse(errno.EINVAL)
    mm.node = int(number)


def _reclaim_locally(stage: Stage, mm: MmStruct) -> None:
    stage.kernel.memory.reclaims_locally = True


def _fail(stage: Stage, mm: MmStruct, what: str) -> None:
    stage.kernel.failing.add(what)


def _meanwhile(stage: Stage, mm: MmStruct, place: str, step: str) -> None:
    stage.meanwhile.setdefault(place, []).append(step)


# -- files -------------------------------------------------------------------------------------


def _truncate(stage: Stage, mm: MmStruct, count: str) -> None:
    _file(mm).truncate(int(count))


def _sync(stage: Stage, mm: MmStruct) -> None:
    file = _file(mm)
    for _, entry in file.entries(0, file.size):
        if isinstance(entry, Folio):
            file.clean(entry)


def _drop(stage: Stage, mm: MmStruct) -> None:
    file = _file(mm)
    for _, entry in list(file.entries(0, file.size)):
        if isinstance(entry, Folio) and not (entry.mapcount or entry.dirty or entry.locked):
            file.remove(entry)


# -- looking -----------------------------------------------------------------------------------


def _watch(stage: Stage, mm: MmStruct) -> None:
    stage.watch()


def _enter(stage: Stage, mm: MmStruct) -> None:
    end = BASE + stage.pages * PAGE_SIZE
    refusal = stage.refusal(partial(madvise.madvise, mm, BASE, end, "hugepage"))
    if refusal:
        stage.say(f"ENTER {refusal}")
    stage.round()


def _khugepaged(stage: Stage, mm: MmStruct) -> None:
    stage.round()


_SMAPS: dict[str, Callable[[Usage], int]] = {
    "Rss": lambda usage: usage.rss,
    "Anonymous": lambda usage: usage.anonymous,
    "AnonHugePages": lambda usage: usage.anon_huge,
    "ShmemPmdMapped": lambda usage: usage.shmem_huge,
    "FilePmdMapped": lambda usage: usage.file_huge,
    "Swap": lambda usage: usage.swap,
}


def _smaps(stage: Stage, mm: MmStruct) -> None:
    thp = stage.kernel.thp
    for vma in mm.vmas_in(BASE, BASE + stage.pages * PAGE_SIZE):
        usage = usage_of(mm, vma)
        for name, value in _SMAPS.items():
            stage.say(f"SMAPS {name}: {value(usage)} kB")
        eligible = thp.allowable_orders(vma, mm, Purpose.SMAPS, thp.smaps_orders)
        stage.say(f"SMAPS THPeligible: {int(bool(eligible))}")


def _expect(stage: Stage, mm: MmStruct, count: str, order: str | None = None) -> None:
    end = BASE + stage.pages * PAGE_SIZE
    if order is not None:
        found = pages.large_folios(mm, BASE, end, int(order))
        stage.say(f"FOLIOS {found}" + ("" if found == int(count) else f", not {count}"))
        return
    found = sum(
        usage.anon_huge + usage.shmem_huge + usage.file_huge
        for usage in (usage_of(mm, vma) for vma in mm.vmas_in(BASE, end))
    ) // (HPAGE_PMD_SIZE >> 10)
    stage.say(f"HUGE {found}" + ("" if found == int(count) else f", not {count}"))


WORDS = {
    "knob": Word("knob NAME VALUE", "write a file under transparent_hugepage/", _knob),
    "map": Word(
        "map anon|shmem|file|disk N [shared|private]",
        "map N huge ranges: shmem is a memfd, file is on tmpfs, disk on a file system with large "
        "folios",
        _map,
    ),
    "tmpfs": Word(
        "tmpfs never|always|within_size|advise", "remount the tmpfs of files with huge=", _tmpfs
    ),
    "write": Word("write A B", "write to pages", partial(_access, write=True)),
    "read": Word("read A B", "read from pages", partial(_access, write=False)),
    "advise": Word("advise WHAT A B", f"madvise(2): {', '.join(madvise.ADVICE)}", _advise),
    "protect": Word("protect rw|r|none A B", "mprotect(2)", _protect),
    "unmap": Word("unmap A B", "munmap(2)", _on_pages(mmap.munmap)),
    "lock": Word("lock A B", "mlock(2)", _on_pages(mmap.mlock)),
    "remap": Word(
        "remap A B TO [N]", "mremap(2): move pages to another place, where they are N", _remap
    ),
    "pin": Word(
        "pin A B",
        "vmsplice(2) into a new pipe: an extra reference to each page, 256 at most",
        _on_pages(splice.vmsplice),
    ),
    "uffdwp": Word(
        "uffdwp A B",
        "register the mapping with userfaultfd(2), and write-protect these pages",
        _userfaultfd_write_protect,
    ),
    "uffdmissing": Word(
        "uffdmissing",
        "register the mapping with userfaultfd(2) for missing pages",
        _userfaultfd_missing,
    ),
    "fork": Word("fork STEP", "a child that takes one step (or is idle), and waits", _fork),
    "child": Word("child STEP", "the child takes another step", _child),
    "reap": Word("reap", "the child ends", _reap),
    "exit": Word("exit", "the process ends", _exit),
    "thp": Word(
        "thp on|off|advised", "prctl(PR_SET_THP_DISABLE); advised: all but what was advised", _thp
    ),
    "contend": Word("contend on|off", "another task has mmap_lock", _contend),
    "swap": Word("swap on", "there is swap space", _swap),
    "cgroup": Word("cgroup N", "a memory cgroup of N pages for what comes", _cgroup),
    "memory": Word("memory N", "no more than N pages are free", _memory),
    "fragment": Word(
        "fragment N [M]",
        "no more than N huge blocks are free, and M more after compaction",
        _fragment,
    ),
    "nodes": Word("nodes N DISTANCE", "memory is on N nodes that are so far apart", _nodes),
    "node": Word("node N", "new pages come from this node", _node),
    "reclaim": Word("reclaim", "vm.zone_reclaim_mode=1", _reclaim_locally),
    "fail": Word(
        "fail charge|xarray|blocks|store", "fault injection: what fails when it is tried", _fail
    ),
    "meanwhile": Word(
        "meanwhile alloc|isolate|copy STEP",
        "take a step when the next collapse gets there, where it holds no lock",
        _meanwhile,
    ),
    "hold": Word("hold A B", "the pages are locked, as during I/O", _on_folios(pages.hold)),
    "isolate": Word(
        "isolate A B", "another task took the pages off the LRU", _on_folios(pages.isolate)
    ),
    "corrupt": Word(
        "corrupt A B", "reading the pages makes a machine check", _on_folios(pages.corrupt)
    ),
    "device": Word(
        "device A B", "the pages are in the memory of a device", _on_folios(pages.to_device)
    ),
    "writeback": Word(
        "writeback A B", "the pages are being written back", _on_folios(pages.write_back)
    ),
    "private": Word(
        "private A B", "the file system keeps data with the pages", _on_folios(pages.keep)
    ),
    "migrate": Word("migrate A B", "the pages are being migrated", _on_pages(pages.migrate)),
    "merge": Word("merge A B", "KSM makes one of these pages", _on_pages(pages.merge)),
    "truncate": Word("truncate N", "the file has N pages from now on", _truncate),
    "sync": Word("sync", "write the file back", _sync),
    "drop": Word("drop", "drop what is cached of the file, clean and not mapped", _drop),
    "watch": Word("watch", "note events and counters from here on", _watch),
    "enter": Word("enter", "madvise(MADV_HUGEPAGE) on the whole mapping, then khugepaged", _enter),
    "khugepaged": Word(
        "khugepaged", "one round of khugepaged; says how often it was through", _khugepaged
    ),
    "smaps": Word("smaps", "some lines of the mapping's smaps", _smaps),
    "expect": Word(
        "expect N [ORDER]",
        "say how many huge pages are mapped, or folios of an order by entries, and whether it is N",
        _expect,
    ),
}
"""All words, by the first letters of a line."""
