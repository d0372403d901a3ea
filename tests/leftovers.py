"""What a test may have left: its processes, mounts and files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)


def processes_of(test: Path) -> set[int]:
    """Processes that know of a test's folder by their environment."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(test) in environment and process.name != str(os.getpid()):
            found.add(int(process.name))
    return found
