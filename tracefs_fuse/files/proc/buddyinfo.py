"""``buddyinfo``: free blocks of memory (frag_show() in mm/vmstat.c)."""

from __future__ import annotations

from engine import Machine
from tracefs_fuse.files.proc.zones import zones_of


def buddyinfo_text(machine: Machine) -> str:
    """A line for each zone: how many blocks of each order are free."""
    return "".join(
        f"Node {zone.node}, zone {zone.name:>8} {''.join(f'{count:>6} ' for count in zone.free)}\n"
        for zone in zones_of(machine)
    )
