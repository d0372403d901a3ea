"""How much memory the daemon may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import mean

import psutil

from tests.load.changers import AT_A_TIME, CHANGED
from tests.load.settings import LARGEST_BUFFER_KB
from tests.load.stages import STAGES

_MAPS = 4
"""Histograms that one instance may have, by the table of settings."""

_MAP_KB = 2048
"""Of a full histogram: 2048 entries."""

_ALLOWANCE_KB = 48 << 10
"""Texts of open files, buffers of threads, and what allocators keep."""

_GROWTH = 1.05
_GROWTH_KB = 4 << 10
_SHORTEST = 60.0
"""Seconds of a run that can show growth: a shorter one still fills its buffers."""


@dataclass
class Memory:
    """Samples of a daemon's memory."""

    daemon: psutil.Process
    cpus: int
    makers: int
    samples: list[tuple[float, int]] = field(default_factory=list)
    """Time, and kilobytes resident."""

    threads: int = 0
    """The most that it had."""

    def sample(self) -> None:
        self.samples.append((time.monotonic(), self.daemon.memory_info().rss >> 10))
        self.threads = max(self.threads, self.daemon.num_threads())

    @property
    def now_kb(self) -> int:
        return self.samples[-1][1]

    @property
    def bound_kb(self) -> int:
        """What it may have at most: as at the beginning, and what the settings let it keep."""
        counted = self.cpus * sum(stage.buffer_kb for stage in STAGES)
        instance = 2 * self.cpus * LARGEST_BUFFER_KB + _MAPS * _MAP_KB
        others = (len(CHANGED) + self.makers * AT_A_TIME) * instance
        return self.samples[0][1] + counted + others + _ALLOWANCE_KB

    def faults(self) -> list[str]:
        """What is wrong with it."""
        most = max(kb for _, kb in self.samples)
        faults = []
        if most > self.bound_kb:
            faults.append(f"{most} kB of memory, more than {self.bound_kb} kB")
        second, last = self.thirds()
        long_enough = self.samples[-1][0] - self.samples[0][0] >= _SHORTEST
        if long_enough and last > second * _GROWTH + _GROWTH_KB:
            faults.append(f"memory grew from {second} kB to {last} kB")
        return faults

    def thirds(self) -> tuple[int, int]:
        """The average of the second and of the last third."""
        third = max(1, len(self.samples) // 3)
        values = [kb for _, kb in self.samples]
        return round(mean(values[third : 2 * third] or values)), round(mean(values[-third:]))
