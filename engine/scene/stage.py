"""Where scenes are played: a kernel in a known state, and the process whose memory it is."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from engine.filemap import AddressSpace
from engine.fork import dup_mmap
from engine.kernel import Kernel
from engine.mm import MmStruct
from engine.scene import words
from engine.scene.program import start_program
from engine.thp import ORDERS, KhugepagedKnobs
from engine.tracepoints import TRACEPOINTS
from engine.versions import VERSIONS

_NEVER_MILLISECONDS = 600_000
_PAGES_TO_SCAN = 100_000
_ROUNDS_BEFORE = 2
"""Setting the knobs wakes khugepaged, which forgets who ended meanwhile."""

_ENDLESS = 100_000
"""Visits after which a round of khugepaged is given up."""

Event = tuple[str, str, dict[str, Any]]
"""Who it was (``khugepaged`` or ``self``), a tracepoint's name, its arguments by name."""


@dataclass
class Outcome:
    """What came of a scene."""

    said: list[str] = field(default_factory=list)
    """What its steps printed."""

    vmstat: dict[str, int] = field(default_factory=dict)
    """The thp_* counters that moved since ``watch``."""

    events: list[Event] = field(default_factory=list)
    """Since ``watch``."""


class Killed(Exception):
    """The process got a signal that it did not survive."""


class Stage:
    """A kernel on which one scene is played after the other, each by a process of its own.

    What outlives a process outlives its scene: files, swap, children that nobody ended.
    """

    def __init__(self, version: str) -> None:
        """version: a key of VERSIONS."""
        self.kernel = Kernel(VERSIONS[version], spend=lambda _: None, migrate=lambda: None)
        self.files: dict[str, AddressSpace] = {}
        """Those that have a name, by it."""

        self.mm = self.kernel.make_mm()
        """The process."""

        self._launcher = self.mm
        """Who started it, and waits for its end."""

        self.child: MmStruct | None = None
        """Its child, when it has one."""

        self.pages = 0
        """Pages of its mapping."""

        self.meanwhile: dict[str, list[str]] = {}
        """Steps that are taken when a collapse gets to a place."""

        self.swap_is_on = False
        self.outcome = Outcome()
        self._daemon = self.kernel.khugepaged.run()
        self._who = "self"
        self._watched: dict[str, int] | None = None
        self.kernel.meanwhile = self._interlude
        self._listen()

    def play(self, script: list[str]) -> Outcome:
        """Play a scene; a step that the kernel refuses is noted, and the others go on.

        Raises UnknownStep, before anything is done, for a step that is none.
        """
        for line in script:
            words.parse(line)
        self._begin()
        try:
            for line in script:
                self._step(line)
        except Killed:
            pass
        self._end()
        return self.outcome

    # -- before and after ------------------------------------------------------------------

    def _begin(self) -> None:
        self._launcher = self._start_process()
        self.mm = self._start_process()
        self.child = None
        for _ in range(_ROUNDS_BEFORE):
            self._round()
        thp = self.kernel.thp
        thp.enabled = "madvise"
        thp.defrag = "madvise"
        thp.shmem_enabled = "advise"
        for order in ORDERS:
            largest = order == max(ORDERS)
            thp.sizes[order].enabled = "inherit" if largest else "never"
            thp.sizes[order].shmem_enabled = "inherit" if largest else "never"
        counted = thp.khugepaged.pages_collapsed, thp.khugepaged.full_scans
        knobs = KhugepagedKnobs(
            pages_to_scan=_PAGES_TO_SCAN,
            scan_sleep_millisecs=_NEVER_MILLISECONDS,
            alloc_sleep_millisecs=_NEVER_MILLISECONDS,
            pages_collapsed=counted[0],
            full_scans=counted[1],
        )
        vars(thp.khugepaged).update(vars(knobs))
        self.outcome = Outcome()
        self._watched = None
        self.meanwhile.clear()
        self.kernel.khugepaged.enter(self.mm)

    def _start_process(self) -> MmStruct:
        mm = self.kernel.make_mm()
        start_program(mm)
        return mm

    def _end(self) -> None:
        if self._watched is not None:
            now = self.kernel.vmstat
            self.outcome.vmstat = {
                name: now[name] - before
                for name, before in self._watched.items()
                if now[name] != before and name.startswith("thp_")
            }
        self._watched = None
        for mm in (self.mm, self.child, self._launcher):
            if mm is not None and mm.users:
                self.kernel.release_mm(mm)

    # -- steps -----------------------------------------------------------------------------

    def _step(self, line: str) -> None:
        refusal = self.refusal(partial(words.do, self, self.mm, line))
        if refusal:
            self.say(f"STEP {line}: {refusal}")

    @staticmethod
    def refusal(step: Callable[[], None]) -> str:
        """The name of the errno with which a step is refused; empty when it is done."""
        try:
            step()
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return ""

    def say(self, text: str) -> None:
        self.outcome.said.append(text)

    def fork(self, mm: MmStruct) -> MmStruct:
        """fork(2); the last child is the one that ``reap`` ends."""
        child = self.child = self.kernel.make_mm()
        dup_mmap(mm, child)
        return child

    def _interlude(self, place: str) -> None:
        steps = self.meanwhile.pop(place, [])
        for line in steps:
            who, self._who = self._who, "self"
            self._step(line)
            self._who = who

    # -- what is noted ---------------------------------------------------------------------

    def _listen(self) -> None:
        for name, parameters in TRACEPOINTS.items():
            if name in self.kernel.version.tracepoints:
                setattr(self.kernel.trace, name, partial(self._note, name, parameters))

    def watch(self) -> None:
        """Note events and counters from here on."""
        self._watched = dict(self.kernel.vmstat)
        self.outcome.events.clear()

    def _note(self, name: str, parameters: tuple[str, ...], *arguments: Any) -> None:
        if self._watched is not None:
            values = dict(zip(parameters, arguments, strict=True))
            self.outcome.events.append((self._who, name, values))

    def round(self) -> None:
        """Wake khugepaged, let it work until it rests, and say how often it was through."""
        knobs = self.kernel.thp.khugepaged
        before = knobs.full_scans
        self._round()
        self.say(f"FULL_SCANS +{knobs.full_scans - before}")

    def _round(self) -> None:
        self._who = "khugepaged"
        for _, sleep in zip(range(_ENDLESS), self._daemon, strict=False):
            if sleep.until != 0:
                break
        self._who = "self"
