"""``vmstat``: counters of memory (vmstat_show() in mm/vmstat.c)."""

from __future__ import annotations

from engine import Machine


def vmstat_text(machine: Machine) -> str:
    """The counters that the engine keeps."""
    return "".join(f"{name} {value}\n" for name, value in machine.vmstat.items())
