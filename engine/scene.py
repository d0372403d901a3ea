"""Scenes: a process's memory described in a few words, and what khugepaged says about it.

A scene is a list of steps; page numbers count 4 KiB pages of the mapping, ranges are inclusive::

    knob NAME VALUE          write a file under transparent_hugepage/
    map anon N               map N huge ranges at 0x400000000000
    write A B, read A B      touch pages
    advise WHAT A B          hugepage nohugepage dontneed free pageout cold
    protect rw|r|none A B, unmap A B, lock A B, pin A B, uffdwp A B
    fork idle, fork STEP     a child that does one step and then waits; reap ends it
    thp off                  prctl(PR_SET_THP_DISABLE)
    swap on                  there is swap space
    watch                    note events and counters from here on
    enter                    madvise(MADV_HUGEPAGE) on the whole mapping, then khugepaged
    khugepaged               one round
    smaps                    some lines of the mapping's smaps
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.kernel import Kernel
from engine.mm import MmStruct
from engine.tracepoints import TRACEPOINTS
from engine.versions import VERSIONS

BASE = 0x400000000000
_PROGRAM, _PROGRAM_MAPPINGS = 0x400000, 7
_STACK, _STACK_MAPPINGS = 0x7FFF00000000, 4
_MAPPING_SIZE = 0x20000
_NEVER_MILLISECONDS = 600_000
_PAGES_TO_SCAN = 100_000

Event = tuple[str, dict[str, Any]]
"""A tracepoint's name and its arguments by name."""


class UnknownStep(ValueError):
    """A word that this player does not know."""


@dataclass
class Outcome:
    """What came of a scene."""

    said: list[str] = field(default_factory=list)
    vmstat: dict[str, int] = field(default_factory=dict)
    """Counters that moved since ``watch``."""

    events: list[Event] = field(default_factory=list)


class Player:
    """Plays one scene on a kernel of its own."""

    def __init__(self, version: str) -> None:
        self._kernel = kernel = Kernel(
            VERSIONS[version], spend=lambda _: None, migrate=lambda: None
        )
        kernel.thp.enabled = "madvise"
        kernel.thp.shmem_enabled = "advise"
        kernel.thp.khugepaged.scan_sleep_millisecs = _NEVER_MILLISECONDS
        kernel.thp.khugepaged.alloc_sleep_millisecs = _NEVER_MILLISECONDS
        kernel.thp.khugepaged.pages_to_scan = _PAGES_TO_SCAN
        kernel.memory.has_swap = False
        self._mm = kernel.make_mm()
        for start, count in ((_PROGRAM, _PROGRAM_MAPPINGS), (_STACK, _STACK_MAPPINGS)):
            for position in range(count):
                self._mm.mmap(start + 2 * position * _MAPPING_SIZE, _MAPPING_SIZE)
        kernel.khugepaged.enter(self._mm)
        self._daemon = kernel.khugepaged.run()
        self._child: MmStruct | None = None
        self._pages = 0
        self._watched: dict[str, int] | None = None
        self.outcome = Outcome()

    def play(self, script: list[str]) -> Outcome:
        """All steps of a scene; one that the kernel refuses is noted, and the others go on."""
        for line in script:
            refusal = self._refusal(partial(self._step, self._mm, line.split()))
            if refusal:
                self.outcome.said.append(f"STEP {line}: {refusal}")
        if self._watched is not None:
            now = self._kernel.vmstat
            self.outcome.vmstat = {
                name: now[name] - before
                for name, before in self._watched.items()
                if now[name] != before and name.startswith("thp_")
            }
        return self.outcome

    # -- steps -----------------------------------------------------------------------------

    def _step(self, mm: MmStruct, words: list[str]) -> None:
        match words:
            case ["knob", name, value]:
                self._knob(name, value)
            case ["map", "anon", count]:
                self._pages = int(count) << HPAGE_PMD_ORDER
                mm.mmap(BASE, int(count) * HPAGE_PMD_SIZE)
            case ["advise", what, first, last] if what in _ADVICE:
                _ADVICE[what](mm, *_range(first, last))
            case ["protect", rights, first, last]:
                start, end = _range(first, last)
                mm.protect(start, end, readable="r" in rights, writable="w" in rights)
            case ["uffdwp", first, last]:
                mm.change(BASE, BASE + self._pages * PAGE_SIZE, uffd_wp=True)
                mm.write_protect(*_range(first, last))
            case [verb, first, last] if verb in _ON_PAGES:
                _ON_PAGES[verb](mm, *_range(first, last))
            case ["fork", *rest]:
                self._child = self._kernel.make_mm()
                mm.fork(self._child)
                if rest != ["idle"]:
                    self._step(self._child, rest)
            case ["reap"] if self._child is not None:
                self._kernel.release_mm(self._child)
            case ["thp", "off"]:
                mm.thp_disabled = True
            case ["swap", "on"]:
                self._kernel.memory.has_swap = True
            case ["watch"]:
                self._watch()
            case ["enter"]:
                self._enter(mm)
                self._round()
            case ["khugepaged"]:
                self._round()
            case ["smaps"]:
                self._smaps(mm)
            case _:
                raise UnknownStep(" ".join(words))

    def _knob(self, name: str, value: str) -> None:
        folder, _, knob = name.rpartition("/")
        thp = self._kernel.thp
        if folder == "khugepaged":
            old = getattr(thp.khugepaged, knob)
            setattr(thp.khugepaged, knob, type(old)(int(value)))
        elif not folder and isinstance(getattr(thp, knob, None), str):
            setattr(thp, knob, value)
            self._kernel.khugepaged.start_stop()
        else:
            raise UnknownStep(f"knob {name}")

    def _watch(self) -> None:
        self._watched = dict(self._kernel.vmstat)
        for name, parameters in TRACEPOINTS.items():
            if name in self._kernel.version.tracepoints:
                setattr(self._kernel.trace, name, partial(self._note, name, parameters))

    def _note(self, name: str, parameters: tuple[str, ...], *arguments: int) -> None:
        self.outcome.events.append((name, dict(zip(parameters, arguments, strict=True))))

    def _enter(self, mm: MmStruct) -> None:
        end = BASE + self._pages * PAGE_SIZE
        refusal = self._refusal(partial(mm.advise_hugepage, BASE, end))
        if refusal:
            self.outcome.said.append(f"ENTER {refusal}")

    @staticmethod
    def _refusal(step: Callable[[], None]) -> str:
        """The name of the errno with which a step is refused; empty when it is done."""
        try:
            step()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return ""

    def _round(self) -> None:
        """Let khugepaged work until it rests."""
        knobs = self._kernel.thp.khugepaged
        before = knobs.full_scans
        for sleep in self._daemon:
            if sleep.until != 0:
                break
        self.outcome.said.append(f"FULL_SCANS +{knobs.full_scans - before}")

    def _smaps(self, mm: MmStruct) -> None:
        for vma in mm.vmas:
            if vma.end <= BASE or vma.start >= BASE + self._pages * PAGE_SIZE:
                continue
            usage = mm.usage(vma)
            for name, value in (
                ("Rss", usage.rss),
                ("Anonymous", usage.rss),
                ("AnonHugePages", usage.huge),
                ("ShmemPmdMapped", 0),
                ("FilePmdMapped", 0),
                ("Swap", usage.swap),
            ):
                self.outcome.said.append(f"SMAPS {name}: {value} kB")
            eligible = self._kernel.thp.allowed(vma, mm)
            self.outcome.said.append(f"SMAPS THPeligible: {int(eligible)}")


def _range(first: str, last: str) -> tuple[int, int]:
    return BASE + int(first) * PAGE_SIZE, BASE + (int(last) + 1) * PAGE_SIZE


_OnPages = Callable[[MmStruct, int, int], None]

_ON_PAGES: dict[str, _OnPages] = {
    "write": MmStruct.write,
    "read": MmStruct.read,
    "unmap": MmStruct.munmap,
    "lock": MmStruct.mlock,
    "pin": MmStruct.pin,
}
_ADVICE: dict[str, _OnPages] = {
    "hugepage": MmStruct.advise_hugepage,
    "nohugepage": MmStruct.advise_nohugepage,
    "dontneed": MmStruct.dontneed,
    "free": MmStruct.free,
    "cold": MmStruct.cold,
    "pageout": MmStruct.page_out,
}
