"""Every way in which a collapse can end, one after the other, for ever.

Each second of virtual time a process sets up the memory that one result needs, and khugepaged is
woken for a round.  ``hist:keys=status`` on mm_khugepaged_scan_pmd and ``hist:keys=result`` on
mm_khugepaged_scan_file show them all within a minute; what you write to the knobs is kept, but each
scene begins from the same defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.scene.showcases import showcases
from engine.workloads.scenes import play_each

if TYPE_CHECKING:
    from engine.machine import Machine


def begin(machine: Machine) -> None:
    play_each(machine, [s.script for s in showcases(machine.kernel.version).values()])
