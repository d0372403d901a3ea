"""What the processes of a machine do."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import ModuleType

from engine.workloads import (
    article,
    database,
    fragmented,
    heap,
    host,
    idle,
    results,
    snapshots,
    sparse,
)


@dataclass(frozen=True)
class Workload:
    """A kind of life: a module whose ``begin`` makes the processes, and whose docstring tells."""

    description: str
    module: ModuleType

    @property
    def story(self) -> str:
        """What it shows, and which knobs make a difference."""
        return inspect.getdoc(self.module) or ""


WORKLOADS = {
    "article": Workload("a server's usual mix, in which every common result is seen", article),
    "database": Workload("a buffer pool in shared memory, and backends that come and go", database),
    "fragmented": Workload("memory in pieces: huge pages can't be had", fragmented),
    "heap": Workload("a managed heap that grows and gives memory back", heap),
    "host": Workload("the processes of this machine, as they are now", host),
    "idle": Workload("processes that do nothing, and nothing for khugepaged to do", idle),
    "results": Workload("every way in which a collapse can end, one after the other", results),
    "snapshots": Workload("a store that forks to save its data", snapshots),
    "sparse": Workload("allocators that huge pages bloat", sparse),
}
