"""The task that makes a request, as the tracing core wants to know it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tracefs_fuse.files.node import Request
from tracefs_fuse.real_proc import real_proc

_PROCESSOR_FIELD = 36
"""Position of the CPU number in /proc/PID/stat, counted from behind the command."""


@dataclass
class Caller:
    """A real task of this machine; a task that is gone has no name and runs on CPU 0."""

    pid: int
    cpu_count: int

    @classmethod
    def of(cls, request: Request, cpu_count: int) -> Caller:
        return cls(request.pid, cpu_count)

    @cached_property
    def _stat(self) -> tuple[str, list[str]]:
        try:
            text = (real_proc() / f"{self.pid}/stat").read_bytes()
        except OSError:
            return "", []
        head, _, tail = text.rpartition(b")")
        comm = head.partition(b"(")[2].decode("utf-8", "surrogateescape")
        return comm, tail.decode().split()

    @property
    def comm(self) -> str:
        return self._stat[0] or "<...>"

    @property
    def cpu(self) -> int:
        fields = self._stat[1]
        return int(fields[_PROCESSOR_FIELD]) % self.cpu_count if fields else 0

    @cached_property
    def tgid(self) -> int:
        try:
            text = (real_proc() / f"{self.pid}/status").read_text(errors="surrogateescape")
        except OSError:
            return self.pid
        return next(int(line[5:]) for line in text.splitlines() if line.startswith("Tgid:"))
