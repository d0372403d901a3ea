"""The free blocks of each zone (struct zone in include/linux/mmzone.h).

Processes have their memory in the zone Normal; the zones below it stay as they were at boot, but
that they are as fragmented, or as full.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine import Machine
from engine.free_area import break_blocks
from engine.meminfo import free_area
from engine.memory import NODE_PAGES
from tracefs_fuse.files.proc.versions import version_of

DMA = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3)
"""Free blocks by order of the zone that is left for devices."""


@dataclass(frozen=True)
class Zone:
    """One zone of a node."""

    node: int
    name: str
    free: list[int]
    """Free blocks by order."""


def zones_of(machine: Machine) -> list[Zone]:
    """All zones that have memory, in the kernel's order."""
    ram, memory = version_of(machine).ram, machine.kernel.memory
    dma32 = list(ram.dma32) if memory.limit is None else [0] * len(ram.dma32)
    if memory.fragmentation is not None:
        break_blocks(dma32, memory.fragmentation.order, 0)
    mms = [process.mm for process in machine.processes.values()]
    own = NODE_PAGES - ram.normal_free
    normal = [
        Zone(node, "Normal", free_area(machine.kernel, mms, node, own))
        for node in range(memory.nodes)
    ]
    return [Zone(0, "DMA", list(DMA)), Zone(0, "DMA32", dma32), *normal]
