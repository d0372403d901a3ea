"""The machine's own ``/proc``: elsewhere in a lab's shell, where the lab's has its usual place."""

from __future__ import annotations

from pathlib import Path

PLACE = ".machine"
"""Name of the folder, in the ``/proc`` of a lab's shell, that the machine's own is mounted on."""


def real_proc() -> Path:
    """Path of the machine's own ``/proc``, for this process."""
    moved = Path("/proc", PLACE)
    return moved if moved.is_dir() else Path("/proc")
