"""Processes that play scenes, each second of virtual time one, for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.scene.stage import DEFAULTS, SetKnob, Stage
from engine.scheduler import Sleep, Thread

if TYPE_CHECKING:
    from engine.machine import Machine

_SECOND = 1_000_000_000

Script = Sequence[str]


def play_each(machine: Machine, scripts: Sequence[Script]) -> None:
    """Play one scene after the other; each begins from the same knobs, and leaves them alone."""
    stage = Stage(machine, notes=False)

    def play() -> Thread:
        while True:
            for script in scripts:
                knobs = machine.thp.save()
                stage.play(list(script))
                machine.thp.restore(knobs)
                yield Sleep(_SECOND)

    machine.start(machine.spawn("director").task, play())


def play_one(machine: Machine, script: Script, set_knob: SetKnob) -> None:
    """Play the same scene again and again, with the knobs as they have been turned meanwhile.

    The process stays for a second when its steps are done, to be looked at.
    Raises UnknownStep for a step that is none.
    """
    machine.thp.restore(DEFAULTS)
    stage = Stage(machine, set_knob, notes=False, knobs=None)
    stage.check(script)

    def play() -> Thread:
        while True:
            taken = 0
            for _ in stage.perform(list(script)):
                taken += 1
                if taken == len(script):
                    yield Sleep(_SECOND)
            if taken < len(script):
                yield Sleep(_SECOND)  # it was killed

    machine.start(machine.spawn("director").task, play())
