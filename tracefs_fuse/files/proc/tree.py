"""The folder ``/proc``, as far as the lab has it."""

from __future__ import annotations

import errno

from engine import Machine
from engine.machine import Process
from tracefs_fuse.files.node import Directory, Node, Request, TextFile
from tracefs_fuse.files.proc.maps import maps_text
from tracefs_fuse.files.proc.pagemap import PagemapFile
from tracefs_fuse.files.proc.smaps import smaps_rollup_text, smaps_text
from tracefs_fuse.files.proc.status import comm_of, statm_text, status_text
from tracefs_fuse.tracing.numbers import refuse

_READABLE = 0o444


def proc_tree(machine: Machine) -> Directory:
    """The folder of a machine."""
    return ProcessesDirectory(
        machine,
        {
            "sys": Directory({"kernel": Directory({"ftrace_enabled": _ftrace_enabled()})}),
            "vmstat": TextFile(_READABLE, lambda: vmstat_text(machine)),
        },
    )


class ProcessesDirectory(Directory):
    """A folder for each process, as long as it lives."""

    def __init__(self, machine: Machine, entries: dict[str, Node]) -> None:
        super().__init__(entries, mode=0o555)
        self._machine = machine
        self._trees: dict[Process, Directory] = {}

    def lookup(self, name: str) -> Node | None:
        if not name.isdecimal():
            return super().lookup(name)
        process = self._machine.processes.get(int(name))
        return None if process is None else self._tree(process)

    def children(self) -> dict[str, Node]:
        processes = self._machine.processes.values()
        self._trees = {process: self._tree(process) for process in processes}
        return {**{str(p.pid): tree for p, tree in self._trees.items()}, **super().children()}

    def _tree(self, process: Process) -> Directory:
        machine = self._machine
        return self._trees.get(process) or Directory(
            {
                "comm": TextFile(0o644, lambda: f"{comm_of(process)}\n"),
                "maps": TextFile(_READABLE, lambda: maps_text(process)),
                "pagemap": PagemapFile(process),
                "smaps": TextFile(_READABLE, lambda: smaps_text(machine, process)),
                "smaps_rollup": TextFile(_READABLE, lambda: smaps_rollup_text(machine, process)),
                "statm": TextFile(_READABLE, lambda: statm_text(machine, process)),
                "status": TextFile(_READABLE, lambda: status_text(machine, process)),
            },
            mode=0o555,
        )


def vmstat_text(machine: Machine) -> str:
    """``vmstat``: the counters that the engine keeps."""
    return "".join(f"{name} {value}\n" for name, value in machine.vmstat.items())


def _ftrace_enabled() -> TextFile:
    """``sys/kernel/ftrace_enabled``: clients look for it, there is nothing to turn off."""

    def store(request: Request, data: bytes) -> None:
        if not data.strip().isdigit():
            raise refuse(errno.EINVAL)

    return TextFile(0o644, lambda: "1\n", store)
