"""Every way in which a collapse can end, one after the other, for ever.

Each second of virtual time a process sets up the memory that one result needs, and khugepaged is
woken for a round.  ``hist:keys=status`` on mm_khugepaged_scan_pmd and ``hist:keys=result`` on
mm_khugepaged_scan_file show them all within a minute; what you write to the knobs is kept, but each
scene begins from the same defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scene.showcases import showcases
from engine.scene.stage import Stage
from engine.scheduler import Sleep, Thread

if TYPE_CHECKING:
    from engine.machine import Machine

_SECOND = 1_000_000_000


def begin(machine: Machine) -> None:
    machine.start(machine.spawn("director").task, _play(machine))


def _play(machine: Machine) -> Thread:
    stage = Stage(machine, notes=False)
    while True:
        for showcase in showcases(machine.kernel.version).values():
            knobs = machine.thp.save()
            stage.play(list(showcase.script))
            machine.thp.restore(knobs)
            yield Sleep(_SECOND)
