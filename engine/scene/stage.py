"""Where scenes are played: a kernel in a known state, and the process whose memory it is."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.filemap import AddressSpace
from engine.folio import HPAGE_PMD_ORDER
from engine.mm import refuse
from engine.program import start_program
from engine.scene import words
from engine.thp import ORDERS, Knobs
from engine.tracepoints import TRACEPOINTS

if TYPE_CHECKING:
    from engine.machine import Machine
    from engine.mm import MmStruct
    from engine.task import Process

_NEVER_MILLISECONDS = 600_000
DEFAULTS: Knobs = (
    {"enabled": "madvise", "defrag": "madvise", "shmem_enabled": "advise"},
    {
        "defrag": True,
        "max_ptes_none": 511,
        "max_ptes_swap": 64,
        "max_ptes_shared": 256,
        "pages_to_scan": 100_000,
        "scan_sleep_millisecs": _NEVER_MILLISECONDS,
        "alloc_sleep_millisecs": _NEVER_MILLISECONDS,
    },
    dict.fromkeys(ORDERS, ("never", "never")) | {HPAGE_PMD_ORDER: ("inherit", "inherit")},
)
"""What the knobs are when a recorded scene begins."""

_ROUNDS_BEFORE = 2
"""Setting the knobs wakes khugepaged, which forgets who ended meanwhile."""
_LAUNCHER, _PROGRAM = "timeout", "scene"

Event = tuple[str, str, dict[str, Any]]
"""Who it was (``khugepaged`` or ``self``), a tracepoint's name, its arguments by name."""


SetKnob = Callable[[str, str], None]
"""Takes a name and a value; raises OSError where they can't be."""


@dataclass
class Outcome:
    """What came of a scene."""

    said: list[str] = field(default_factory=list)
    """What its steps printed."""

    vmstat: dict[str, int] = field(default_factory=dict)
    """The thp_* counters that moved since ``watch``."""

    events: list[Event] = field(default_factory=list)
    """Since ``watch``."""


class Stage:
    """A machine on which one scene is played after the other, each by a process of its own.

    What outlives a process outlives its scene: files, swap, children that nobody ended.
    """

    def __init__(
        self,
        machine: Machine,
        set_knob: SetKnob | None = None,
        *,
        notes: bool = True,
        knobs: Knobs | None = DEFAULTS,
    ) -> None:
        """machine: one whose khugepaged nobody else keeps busy.

        set_knob: writes a file below transparent_hugepage/; without, values are taken as they are.
        notes: note the events, which then nobody else hears.
        knobs: what each scene begins with; None for what there is.
        """
        self._knobs = knobs
        self.machine = machine
        self.set_knob = set_knob or partial(words.set_knob, machine.kernel)
        self._notes = notes
        self.kernel = machine.kernel
        self.files: dict[str, AddressSpace] = {}
        """Those that have a name, by it."""

        self.child: Process | None = None
        """The last child of the process."""

        self.pages = 0
        """Pages of the mapping."""

        self.tmpfs_huge = "never"
        """The mount option of the tmpfs with the files."""

        self.swap_is_on = False
        self.meanwhile: dict[str, list[str]] = {}
        """Steps that are taken when a collapse gets to a place."""

        self._killed: words.Killed | None = None
        """What one of them did to the process, which ends once the collapse is over."""

        self.outcome = Outcome()
        self._processes: list[Process] = []
        """Those that end with the scene; the last one is whose memory it is about."""

        self._watched: dict[str, int] | None = None

    def play(self, script: list[str]) -> Outcome:
        """Play a scene; a step that the kernel refuses is noted, and the others go on.

        Raises UnknownStep, before anything is done, for a step that is none.
        """
        for _ in self.perform(script):
            pass
        return self.outcome

    @staticmethod
    def check(script: Sequence[str]) -> None:
        """Raises UnknownStep for a step that is none."""
        for line in script:
            words.parse(line)

    def perform(self, script: list[str]) -> Iterator[str]:
        """Play a scene step by step; gives each one when it was taken."""
        self.check(script)
        self._begin()
        try:
            for line in script:
                with self.machine.running(self._processes[-1].task):
                    self._step(line)
                if self._killed is not None:
                    raise self._killed
                yield line
            self.machine.settle()
        except words.Killed as signal:
            self.say(f"KILLED {signal}")
        finally:
            self._end()

    # -- before and after ------------------------------------------------------------------

    def _begin(self) -> None:
        self._processes = [self._start_process(_LAUNCHER), self._start_process(_PROGRAM)]
        self.child = None
        for _ in range(_ROUNDS_BEFORE):
            self.machine.khugepaged_round()
        if self._knobs is not None:
            self.kernel.thp.restore(self._knobs)
        self.outcome = Outcome()
        self._watched = None
        self.meanwhile.clear()
        self._killed = None
        self.kernel.khugepaged.enter(self._processes[-1].mm)
        self.machine.settle()
        self.kernel.meanwhile = self._interlude

    def _start_process(self, comm: str) -> Process:
        process = self.machine.spawn(comm)
        start_program(process.mm, f"/bin/{comm}")
        return process

    def _end(self) -> None:
        if self._watched is not None:
            now = self.kernel.vmstat
            self.outcome.vmstat = {
                name: now[name] - before
                for name, before in self._watched.items()
                if now[name] != before and name.startswith("thp_")
            }
        self._watched = None
        self.kernel.restore()
        for process in (*self._processes, self.child):
            if process is not None and process.mm.users:
                self.machine.exit(process)
        self.kernel.cgroups.clear()

    # -- steps -----------------------------------------------------------------------------

    def _step(self, line: str) -> None:
        refusal = self.refusal(partial(words.do, self, self._processes[-1].mm, line))
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

    def process_of(self, mm: MmStruct) -> Process:
        """Whose an address space is; ESRCH once that has ended."""
        for process in self.machine.processes.values():
            if process.mm is mm:
                return process
        raise refuse(errno.ESRCH)

    def _interlude(self, place: str) -> None:
        with self.machine.running(self._processes[-1].task):
            try:
                for line in self.meanwhile.pop(place, []):
                    self._step(line)
            except words.Killed as killed:
                self._killed = killed

    # -- what is noted ---------------------------------------------------------------------

    def watch(self) -> None:
        """Note events and counters from here on; turning events on lets others run."""
        self.machine.settle()
        self._watched = dict(self.kernel.vmstat)
        self.outcome.events.clear()
        if self._notes:
            for name in self.kernel.version.tracepoints:
                setattr(self.kernel.trace, name, partial(self._note, name, TRACEPOINTS[name]))

    def _note(self, name: str, parameters: tuple[str, ...], *arguments: Any) -> None:
        if self._watched is None:
            return
        who = "khugepaged" if self.machine.current.comm == "khugepaged" else "self"
        values = dict(zip(parameters, arguments, strict=True))
        self.outcome.events.append((who, name, values))

    def round(self) -> None:
        """Wake khugepaged, let it work until it rests, and say how often it was through."""
        knobs = self.kernel.thp.khugepaged
        before = knobs.full_scans
        self.machine.khugepaged_round()
        self.say(f"FULL_SCANS +{knobs.full_scans - before}")
