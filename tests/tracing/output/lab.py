"""A core in which events are made at given times, and what its files show."""

from __future__ import annotations

from tracefs_fuse.tracing.inject import write_inject
from tracefs_fuse.tracing.output import PipeText, TraceText
from tracefs_fuse.tracing.source import ManualSource, Task
from tracefs_fuse.tracing.trace_marker import write_marker, write_marker_raw
from tracefs_fuse.tracing.tracing import Tracing

INIT = Task(1, 1, "init")


class OutputLab:
    """One instance, and the clock of all."""

    def __init__(self, version: str = "7.3", cpus: int = 1) -> None:
        self.source = ManualSource(0, INIT)
        self.tracing = Tracing(version, self.source, cpus=cpus)
        self.top = self.tracing.top

    def set(self, *options: str) -> None:
        """Turn options on, or off those with ``no`` before them."""
        for option in options:
            self.top.options.write(option)

    def enable(self, event: str) -> None:
        self.top.files["huge_memory", event].enable()

    def inject(self, event: str, text: str, at: int, task: Task = INIT) -> None:
        """at: virtual nanoseconds."""
        self.source.now = at
        write_inject(self.top.files["huge_memory", event], task, text)

    def mark(self, data: bytes, at: int, task: Task = INIT) -> None:
        self.source.now = at
        assert write_marker(self.top, task, data) == len(data)

    def mark_raw(self, data: bytes, at: int, task: Task = INIT) -> None:
        self.source.now = at
        assert write_marker_raw(self.top, task, data) == len(data)

    def trace(self, cpu: int | None = None) -> str:
        """The ``trace`` file, of all CPUs or of one."""
        buffer = self.top.buffer
        return "".join(
            TraceText(
                self.top,
                lambda: buffer,
                buffer.cpus if cpu is None else [buffer.cpus[cpu]],
                latency="latency-format" in self.top.options,
            )
        )

    def lines(self) -> list[str]:
        """The ``trace`` file without its header."""
        return [line for line in self.trace().splitlines() if not line.startswith("#")]

    def pipe(self) -> PipeText:
        return PipeText(self.top, None)
