"""The cases as scenes: for each version, way of collapsing and kind of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from engine.versions import VERSIONS
from tests.engine.functional import endings
from tests.engine.functional.cases import CASES, Case

_RANGE = 512
_HARNESS = (
    "knob defrag always",
    "knob use_zero_page 0",
    "knob khugepaged/scan_sleep_millisecs 10",
    "knob khugepaged/alloc_sleep_millisecs 10",
    "knob khugepaged/pages_to_scan 4096",
    "tmpfs advise",
)
"""What the test sets and scenes do not."""

_REFAULT_MAPS_NO_PMD = {"6.12", "6.18"}
"""There do_set_pmd() heeds MADV_NOHUGEPAGE, which the test gives before it touches a file again:
it finds no huge pages then, as 6.12.107 and 6.18.15 show.  MADV_COLLAPSE maps them."""

_FULL_SCANS = 2
"""Rounds after which a range that did not collapse will not."""


@dataclass(frozen=True)
class Memory:
    """What the test calls mem_ops: how memory is set up, and how it is touched."""

    name: str
    letter: str
    setup: tuple[str, ...]
    fault: tuple[str, ...]
    selectors: tuple[str, ...]
    """Which endings are for it."""

    on_tmpfs: bool = False
    of_7_3: bool | None = None
    """Only of 7.3's test, or only of those before; of all when None."""


_FILL = ("map {on} {n}", "write 0 {last}")
_DISK = (*_FILL, "sync", "unmap 0 {last}", "map {on} {n}", "drop")
_TMPFS = (*_FILL, "unmap 0 {last}")
_READ_ONLY = "protect r 0 {last}"
_READ, _WRITE = "read {a} {b}", "write {a} {b}"


def _files() -> Iterator[Memory]:
    """Those of 7.3: a file that may only be read; that is read, and clean; that is written."""
    for letter, name, mode, fault in (
        ("R", "read-only", (_READ_ONLY,), (_READ,)),
        ("P", "read", (), (_READ, "sync")),
        ("W", "written", (), (_WRITE,)),
    ):
        dirty = ("dirty", "file") if letter == "W" else ("file",)
        disk = tuple(step.replace("{on}", "disk") for step in _DISK)
        yield Memory(name, letter, (*disk, *mode), fault, dirty, of_7_3=True)
        tmpfs = tuple(step.replace("{on}", "file") for step in (*_TMPFS, "map {on} {n}"))
        yield Memory(f"tmpfs-{name}", letter, (*tmpfs, *mode), fault, ("file",), True, True)


MEMORY = (
    Memory("anon", "A", ("map anon {n}",), (_WRITE,), ("anon",)),
    Memory("shmem", "S", ("map shmem {n}",), (_WRITE,), ("file",)),
    *_files(),
    Memory(
        "tmpfs-private",
        "RPW",
        (
            *(step.replace("{on}", "file") for step in _TMPFS),
            "map file {n} private",
            _READ_ONLY,
        ),
        (_READ,),
        ("file",),
        on_tmpfs=True,
        of_7_3=False,
    ),
)


@dataclass(frozen=True)
class Options:
    """With what the test is called besides its cases."""

    name: str
    source: int = 0
    """``-s``: the order of the folios that are touched."""

    target: int = 0
    """``-c``: the order of the folios that khugepaged makes."""


@dataclass
class Play:
    """One case for one version, way and kind of memory."""

    version: str
    case: Case
    way: str
    """K: khugepaged, M: MADV_COLLAPSE, T: khugepaged to a smaller size, -: nobody."""

    memory: Memory
    options: Options
    steps: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """What the steps should say."""

    events: list[str] = field(default_factory=list)
    """What should be in the trace, as far as it is known."""

    def __post_init__(self) -> None:
        for step in _HARNESS:
            self._do(step)
        if self.options.source:
            size = f"hugepages-{4 << self.options.source}kB"
            self._do(f"knob {size}/enabled always", f"knob {size}/shmem_enabled always")
        script = self.case.script.format(**self.numbers)
        for line in script.strip().splitlines():
            ways, _, step = line.strip().rpartition(": ")
            if not ways or self.way in ways:
                self._expand(step)

    @property
    def name(self) -> str:
        parts = self.version, self.case.name, self.way, self.memory.name, self.options.name
        return " ".join(part for part in parts if part)

    @property
    def _is_7_3(self) -> bool:
        return VERSIONS[self.version].collapses_to_sizes

    @cached_property
    def numbers(self) -> dict[str, int]:
        """What scripts have in braces: pages, as the sizes of folios make them."""
        one = 1 << self.options.source
        block = 1 << self.options.target
        too_few = 256 - one
        return {
            "one": one,
            "but_one": _RANGE - one,
            "but_two": _RANGE - max(one, 2),
            "too_few": too_few,
            "last_of_too_few": too_few - 1,
            "blocks_there": too_few // one,
            "missing": _RANGE - too_few,
            "block": block,
            "last_of_block": block - 1,
            "but_a_block": _RANGE - block,
            "blocks": _RANGE // block,
        }

    # -- the words of cases ----------------------------------------------------------------

    def _expand(self, line: str) -> None:
        word, *values = line.split()
        who = ""
        if word == "child" and values[0] == "collapse":
            who, word, *values = "child ", *values
        if word == "collapse":
            self._collapse(who, int(values[0]), values[1] == "yes", *values[2:])
        elif word in _WORDS:
            _WORDS[word](self, *values)
        else:
            self._do(line)

    def _do(self, *steps: str) -> None:
        """Take steps, and know what they say."""
        for step in steps:
            self.steps.append(step)
            word, *values = step.removeprefix("child ").split()
            if word == "expect":
                self.said.append(f"{'FOLIOS' if values[1:] else 'HUGE'} {values[0]}")
            elif word == "khugepaged":
                self.said.append("FULL_SCANS +1")

    def _setup(self, count: str) -> None:
        last = int(count) * _RANGE - 1
        self._do(*(step.format(n=count, last=last) for step in self.memory.setup))

    def _fresh(self, count: str) -> None:
        if self._is_7_3:
            self._do(f"unmap 0 {int(count) * _RANGE - 1}")
            self._setup(count)

    def _fault(self, first: str, last: str) -> None:
        self._do(*(step.format(a=first, b=last) for step in self.memory.fault))

    def _alloc(self) -> None:
        self._setup("1")
        self._fault("0", "511")
        self._do("advise collapse 0 511")
        self.said.append("COLLAPSE OK")
        self._do("expect 1", "advise hugepage 0 511")

    def _lend(self, count: str) -> None:
        pages, area = int(count), f"{count} {int(count) + _RANGE - 1}"
        for lent in range(pages):
            self._do(f"advise hugepage {area}", f"write {area}", f"advise nohugepage {area}")
            self._do(
                f"remap {pages - lent} {pages + _RANGE - 1} {3 * _RANGE} {lent + 1}",
                f"remap {3 * _RANGE} {3 * _RANGE + lent} {pages - lent - 1} {lent + 1 + _RANGE}",
            )

    # -- collapsing ------------------------------------------------------------------------

    def _collapse(self, who: str, count: int, expected: bool, ending: str, *values: str) -> None:
        by_khugepaged = self.way in "KT"
        if by_khugepaged and self.memory.selectors[0] == "dirty":
            expected = False
        given = dict(value.split("=") for value in values)
        size = f" {self.options.target}" if self.way == "T" else ""
        ranges = 1 if size else count
        area = f"0 {ranges * _RANGE - 1}"
        self._do(f"{who}expect 0{size}")
        self._watch()
        if by_khugepaged:
            self._scan(who, area, 1 if expected else _FULL_SCANS, ending, given)
            self._refault(area, count if expected else 0)
        else:
            self._by_madvise(who, area, "OK" if expected else given["errno"], ending, given)
        self._do(f"{who}expect {count if expected else 0}{size}")

    def _watch(self) -> None:
        if "watch" not in self.steps:
            self._do("watch")

    def _refault(self, area: str, expected: int) -> None:
        """khugepaged only takes page tables of files away: faults map huge pages."""
        if self.memory.letter == "A":
            return
        self._fault(*area.split())
        if self.version in _REFAULT_MAPS_NO_PMD:
            self._do("expect 0", f"advise hugepage {area}")
            self._again(str(expected))

    def _scan(self, who: str, area: str, rounds: int, ending: str, values: dict[str, str]) -> None:
        if self.way == "T":
            size = f"hugepages-{4 << self.options.target}kB"
            self._do("knob enabled never", f"knob {size}/enabled madvise")
        self._do(f"{who}advise hugepage {area}", *["khugepaged"] * rounds)
        if not self._is_7_3:
            self._do(f"{who}advise nohugepage {area}")
        for _ in range(rounds):
            self._see("K", "khugepaged", ending, values)

    def _by_madvise(
        self, who: str, area: str, answer: str, ending: str, values: dict[str, str]
    ) -> None:
        self._do(
            "knob enabled never",
            "knob shmem_enabled never",
            f"{who}advise hugepage {area}",
            f"{who}advise collapse {area}",
        )
        self.said.append(f"COLLAPSE {answer}")
        self._see("M", "self", ending, values)

    def _again(self, count: str) -> None:
        self._do(f"advise collapse 0 {int(count) * _RANGE - 1}")
        self.said.append("COLLAPSE OK")
        self._see("M", "self", f"{count}*again", {})
        self._do(f"expect {count}")

    def _retract(self, ending: str) -> None:
        self._watch()
        self._scan("", f"0 {_RANGE - 1}", 1, ending, {})
        self._do("expect 0")

    def _see(self, way: str, who: str, ending: str, values: dict[str, str]) -> None:
        """Expect the events of an ending."""
        sizes = ["sizes"] if self._is_7_3 and self.options.source and way == "K" else []
        selectors = [
            f"{self.version} {self.memory.selectors[-1]} {way}",
            *sizes,
            *(key for kind in self.memory.selectors for key in (f"{kind} {way}", kind)),
        ]
        given = {"order": str(self.options.target or self.options.source), **values}
        if way == "M":
            given["referenced"] = "0"
        if self.memory.on_tmpfs:
            given["present"] = str(_RANGE)
        known = VERSIONS[self.version].tracepoints
        for line in endings.events(ending, selectors, given):
            if line.split()[0] in known:
                self.events.append(f"{who} {line}")


_WORDS: dict[str, Callable[..., None]] = {
    "setup": Play._setup,
    "fresh": Play._fresh,
    "fault": Play._fault,
    "alloc": Play._alloc,
    "lend": Play._lend,
    "again": Play._again,
    "retract": Play._retract,
}


def plays() -> Iterator[Play]:
    """All there are."""
    for version, switches in VERSIONS.items():
        for case in CASES:
            for memory in MEMORY:
                if memory.of_7_3 not in (None, switches.collapses_to_sizes):
                    continue
                if not set(memory.letter) & set(case.memory):
                    continue
                if memory.on_tmpfs and not case.on_tmpfs:
                    continue
                for way in case.ways:
                    for options in _options(version, way, memory):
                        yield Play(version, case, way, memory, options)


def _options(version: str, way: str, memory: Memory) -> Iterator[Options]:
    """As run_vmtests.sh calls the test; -c is for khugepaged and anonymous memory alone."""
    switches = VERSIONS[version]
    if way == "T":
        if switches.collapses_to_sizes:
            yield Options("-c 4", target=4)
        return
    yield Options("")
    if memory.name == "anon" and switches.per_size_knobs:
        yield Options("-s 2", source=2)
    if memory.name == "shmem" and switches.collapses_to_sizes:
        yield Options("-s 4", source=4)
