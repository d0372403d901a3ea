"""A run: the lab, the crews, the watch over them, and the account afterwards."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.load import visitors
from tests.load.changers import Changer, Maker
from tests.load.client import Board, Job
from tests.load.counted import Reader, Writer
from tests.load.crew import Crew, Done
from tests.load.lab import LoadedLab
from tests.load.markers import END, Ledger
from tests.load.memory import Memory
from tests.load.stages import LONGEST_RAW, LONGEST_SHOWN_RAW, LONGEST_TEXT, STAGES, Stage

_MOST_CPUS = 2
_TURN = 0.5
_LONGEST_WAIT = 20.0
"""Seconds in which each request is answered, on a busy machine too."""

_MAKERS = 2
_VISITORS: tuple[tuple[Job, int], ...] = (
    (visitors.walk, 4),
    (visitors.read_traces, 2),
    (visitors.read_hists, 1),
    (visitors.read_stats, 1),
    (visitors.poll, 2),
    (visitors.pread, 1),
    (visitors.interrupt, 1),
)
THREADS = 32


@dataclass(frozen=True)
class Plan:
    """What to run."""

    kernel: str = "6.12"
    seconds: float = 60.0
    seed: int = 0
    workload: str = "results"
    speed: float = 100.0


@dataclass
class Account:
    """What is known of one stage at the end."""

    written: int = 0
    refused: int = 0
    read: int = 0
    overrun: int = 0
    told_lost: int = 0
    told_uncounted: int = 0
    others: int = 0


@dataclass
class Report:
    """What came of a run."""

    faults: list[str] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    memory: Memory | None = None
    seconds: float = 0.0


class Stuck(Exception):
    """A request is not answered."""


def run(plan: Plan, goes_on: Callable[[str], bool] = lambda text: True) -> Report:
    """Put a lab under load.

    goes_on: is told now and then how far the run is; the run ends early when it returns False.
    """
    cpus = sorted(os.sched_getaffinity(0))[:_MOST_CPUS]
    lab = LoadedLab(plan.kernel, max(cpus) + 1, plan.workload, plan.speed, plan.seed)
    report = Report()
    crews: list[Crew] = []
    try:
        lab.make_instances()
        report.memory = Memory(lab.daemon, max(cpus) + 1, _MAKERS)
        _Run(plan, lab, cpus, report, crews, goes_on).play()
    except Stuck as stuck:
        report.faults.append(str(stuck))
        for crew in crews:
            crew.tell_stacks()
        report.faults.append(lab.tell_stacks())
        report.faults += [path.read_text() for path in lab.folder.glob("stacks*")]
    except OSError:
        report.faults.append(traceback.format_exc())
    finally:
        for crew in crews:
            crew.kill()
        report.faults += lab.end()
    return report


class _Run:
    def __init__(
        self,
        plan: Plan,
        lab: LoadedLab,
        cpus: list[int],
        report: Report,
        crews: list[Crew],
        goes_on: Callable[[str], bool],
    ) -> None:
        self._plan = plan
        self._lab = lab
        self._cpus = cpus
        self._report = report
        self._crews = crews
        self._goes_on = goes_on
        self._board = Board(THREADS)
        self._threads = 0

    def play(self) -> None:
        began = time.monotonic()
        readers = self._crew(self._readers())
        others = [
            self._crew(self._writers()),
            self._crew([job for job, count in _VISITORS for _ in range(count)]),
            self._crew(self._changers()),
        ]
        left = self._plan.seconds
        while left > 0 and self._look(left):
            time.sleep(_TURN)
            left = began + self._plan.seconds - time.monotonic()
        self._report.seconds = time.monotonic() - began
        self._board.end()
        done = [told for crew in others for told in self._done(crew)]
        for stage in STAGES:
            self._lab.quieten(stage)
            for cpu in self._cpus:
                self._lab.write_last(stage, cpu, END)
        self._sum_up(done + self._done(readers))

    def _look(self, left: float) -> bool:
        """See whether all is well; returns whether to go on.  left: seconds."""
        memory = self._report.memory
        assert memory is not None
        memory.sample()
        waited, what = self._board.longest_wait()
        if waited > _LONGEST_WAIT:
            raise Stuck(f"no answer for {waited:.0f} s: {what}")
        return self._goes_on(
            f"{self._board.requests} requests, {memory.now_kb} kB, {left:.0f} s to go"
        )

    # -- crews -----------------------------------------------------------------------------

    def _crew(self, jobs: list[Job]) -> Crew:
        seed = f"{self._plan.seed} {self._threads}"
        stacks = self._lab.folder / f"stacks{self._threads}"
        crew = Crew(jobs, self._lab.mount, self._board, self._threads, seed, stacks)
        self._threads += len(jobs)
        self._crews.append(crew)
        return crew

    def _writers(self) -> list[Job]:
        writers: list[Job] = []
        for stage in STAGES:
            for number in range(stage.text_writers + stage.raw_writers):
                raw = number >= stage.text_writers
                writers.append(
                    Writer(
                        stage.name,
                        len(writers),
                        f"{stage.path}/trace_marker{'_raw' if raw else ''}",
                        self._cpus[number % len(self._cpus)],
                        raw,
                        self._longest(stage, raw=raw),
                        stage.rest,
                    )
                )
        return writers

    def _longest(self, stage: Stage, *, raw: bool) -> int:
        longest = (LONGEST_RAW if raw else LONGEST_TEXT)[self._plan.kernel]
        return min(longest, LONGEST_SHOWN_RAW) if raw and not stage.is_raw else longest

    def _readers(self) -> list[Job]:
        ids = self._lab.fixed_entries()
        return [
            Reader(stage.name, path, len(cpus), ids)
            for stage in STAGES
            for path, cpus in stage.pipes(self._cpus).items()
        ]

    def _changers(self) -> list[Job]:
        cpus = max(self._cpus) + 1
        makers: list[Job] = [Maker(number, cpus) for number in range(_MAKERS)]
        others = THREADS - self._threads - _MAKERS
        return [*makers, *(Changer(_MAKERS + number, cpus) for number in range(others))]

    def _done(self, crew: Crew) -> list[Done]:
        done = crew.done(2 * _LONGEST_WAIT)
        if done is None:
            waited, what = self._board.longest_wait()
            raise Stuck(f"threads go on, for {waited:.0f} s with {what or 'a pipe that waits'}")
        return done

    # -- the account -----------------------------------------------------------------------

    def _sum_up(self, done: list[Done]) -> None:
        report = self._report
        for told in done:
            report.counts += told.counts
            report.errors += told.errors
            for operation, took in told.slowest.items():
                report.slowest[operation] = max(took, report.slowest.get(operation, 0))
            if told.failure:
                report.faults.append(told.failure)
        jobs = [told.job for told in done]
        for stage in STAGES:
            writers = [j for j in jobs if isinstance(j, Writer) and j.stage == stage.name]
            ledgers = [j.ledger for j in jobs if isinstance(j, Reader) and j.stage == stage.name]
            account = _account(writers, ledgers, self._lab.overrun(stage))
            report.accounts[stage.name] = account
            report.faults += [fault for ledger in ledgers for fault in ledger.faults[:3]]
            report.faults += _faults(stage, account)
        assert report.memory is not None
        report.faults += report.memory.faults()


def _account(writers: list[Writer], ledgers: list[Ledger], overrun: int) -> Account:
    return Account(
        written=sum(writer.written for writer in writers),
        refused=sum(writer.refused for writer in writers),
        read=sum(sum(ledger.read.values()) for ledger in ledgers),
        overrun=overrun,
        told_lost=sum(ledger.lost for ledger in ledgers),
        told_uncounted=sum(ledger.lost_uncounted for ledger in ledgers),
        others=sum(ledger.others for ledger in ledgers),
    )


def _faults(stage: Stage, account: Account) -> list[str]:
    """What does not add up."""
    lost = account.written - account.read
    faults = []
    if not account.read:
        faults.append(f"{stage.name}: nothing was read")
    if lost > account.overrun or (not stage.has_events and lost != account.overrun):
        faults.append(f"{stage.name}: {lost} markers lost, {account.overrun} overwritten")
    if account.told_lost > account.overrun:
        faults.append(f"{stage.name}: told {account.told_lost} lost of {account.overrun}")
    if not account.told_uncounted and account.told_lost != account.overrun:
        faults.append(f"{stage.name}: told {account.told_lost} lost, not {account.overrun}")
    if not stage.overwrites and account.overrun:
        faults.append(f"{stage.name}: {account.overrun} overwritten in a buffer that refuses")
    return faults
