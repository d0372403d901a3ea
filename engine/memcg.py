"""Memory cgroups: a limit on the pages of some processes (mm/memcontrol.c)."""

from __future__ import annotations

from collections import Counter


class MemCgroup:
    """A cgroup with the memory controller: struct mem_cgroup.

    A page stays charged to the cgroup whose process first had it, wherever that process goes.
    """

    def __init__(self, name: str, limit: int | None) -> None:
        """name: of its folder below the root of all cgroups.

        limit: memory.max, in pages; None for no limit.
        """
        self.name = name
        self.limit = limit
        self.usage = 0
        """memory.current, in pages; the kernel's own memory is not charged."""

        self.hits = 0
        """``max`` of memory.events: how often a charge met the limit."""

        self.vmstat: Counter[str] = Counter()
        """Counters of its pages and processes, by the names that /proc/vmstat has."""

    @property
    def path(self) -> str:
        """The path that /proc/PID/cgroup shows."""
        return f"/{self.name}"

    def charge(self, pages: int, attempts: int) -> bool:
        """try_charge_memcg(): False when the limit would be passed.

        attempts: how often it is tried, each time after reclaim, which finds nothing.
        """
        if self.limit is not None and self.usage + pages > self.limit:
            self.hits += attempts
            return False
        self.usage += pages
        return True

    def uncharge(self, pages: int) -> None:
        """uncharge_folio()."""
        self.usage -= pages
