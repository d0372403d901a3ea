"""Memory cgroups: a limit on the pages of some processes (mm/memcontrol.c)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class MemCgroup:
    """memory.max and memory.current, in pages."""

    limit: int
    usage: int = 0
    path: str = "/scene"
    """Where it is below the root of all cgroups."""

    def charge(self, pages: int) -> bool:
        """try_charge(): False when the limit would be passed."""
        if self.usage + pages > self.limit:
            return False
        self.usage += pages
        return True

    def uncharge(self, pages: int) -> None:
        self.usage -= pages
