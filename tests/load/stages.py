"""The instances whose markers are counted."""

from __future__ import annotations

from dataclasses import dataclass

TRACING = "sys/kernel/tracing"
INSTANCES = f"{TRACING}/instances"
QUIET = f"{INSTANCES}/quiet"
"""Where nothing ever comes."""

SCAN_PMD = "events/huge_memory/mm_khugepaged_scan_pmd"

LONGEST_TEXT = {"6.1": 1000, "6.12": 4040, "6.18": 4040, "7.3": 4040}
LONGEST_RAW = {"6.1": 1000, "6.12": 4040, "6.18": 4040, "7.3": 4040}
"""By kernel, bytes of a marker: as many as it takes, and as fit into a page."""

LONGEST_SHOWN_RAW = 1000
"""Of a raw marker whose bytes are shown in hexadecimal: as many as fit into a line."""


@dataclass(frozen=True)
class Stage:
    """An instance, who writes markers to it, and how they are read."""

    name: str
    buffer_kb: int
    """For each CPU."""

    text_writers: int
    raw_writers: int
    pipe: str
    """The file that is read, of each CPU where it has a place for one."""

    settings: tuple[tuple[str, str], ...] = ()
    """What is written at the beginning: path and text."""

    overwrites: bool = True
    """A full buffer drops the oldest events; if not, it refuses new ones."""

    has_events: bool = False
    """Other records than markers come, too."""

    rest: float = 0.0
    """Seconds between two markers of a writer."""

    @property
    def path(self) -> str:
        return f"{INSTANCES}/{self.name}"

    def pipes(self, cpus: list[int]) -> dict[str, list[int]]:
        """The files that are read, and the CPUs whose markers come there."""
        if "{cpu}" not in self.pipe:
            return {f"{self.path}/{self.pipe}": cpus}
        return {f"{self.path}/{self.pipe.format(cpu=cpu)}": [cpu] for cpu in cpus}

    @property
    def is_raw(self) -> bool:
        """Pages are read, not text."""
        return self.pipe.endswith("_raw")


STAGES = (
    Stage(
        "exact",
        buffer_kb=32,
        text_writers=2,
        raw_writers=0,
        pipe="trace_pipe",
        settings=(("options/overwrite", "0"),),
        overwrites=False,
    ),
    Stage(
        "pressed",
        buffer_kb=8,
        text_writers=2,
        raw_writers=2,
        pipe="per_cpu/cpu{cpu}/trace_pipe_raw",
    ),
    Stage(
        "mixed",
        buffer_kb=64,
        text_writers=1,
        raw_writers=1,
        pipe="per_cpu/cpu{cpu}/trace_pipe",
        settings=(
            (f"{SCAN_PMD}/trigger", "hist:keys=status:sort=hitcount"),
            ("events/huge_memory/enable", "1"),
        ),
        has_events=True,
        rest=0.01,
    ),
)
