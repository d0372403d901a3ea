"""The folder ``/proc``, as far as the lab has it."""

from __future__ import annotations

import errno

from engine import Machine
from engine.machine import Process
from tracefs_fuse.files.node import Directory, Node, Request, TextFile
from tracefs_fuse.files.proc.mounts import MountsFile
from tracefs_fuse.files.proc.process import process_tree
from tracefs_fuse.files.proc.vmstat import vmstat_text
from tracefs_fuse.tracing.numbers import refuse


def proc_tree(machine: Machine) -> Directory:
    """The folder of a machine."""
    return ProcessesDirectory(
        machine,
        {
            "mounts": MountsFile(),
            "sys": Directory({"kernel": Directory({"ftrace_enabled": _ftrace_enabled()})}),
            "vmstat": TextFile(0o444, lambda: vmstat_text(machine)),
        },
    )


class ProcessesDirectory(Directory):
    """A folder for each process, as long as it lives."""

    def __init__(self, machine: Machine, entries: dict[str, Node]) -> None:
        super().__init__(entries, mode=0o555)
        self._machine = machine
        self._trees: dict[Process, Directory] = {}

    def lookup(self, name: str) -> Node | None:
        process = self._machine.processes.get(int(name)) if name.isdecimal() else None
        if process is None or name != str(process.pid):
            return super().lookup(name)
        return self._tree(process)

    def children(self) -> dict[str, Node]:
        processes = sorted(self._machine.processes.items())
        return {**super().children(), **{str(pid): self._tree(p) for pid, p in processes}}

    def _tree(self, process: Process) -> Directory:
        """Stays the same as long as the process lives."""
        tree = self._trees.get(process)
        if tree is None:
            self._trees = {p: tree for p, tree in self._trees.items() if p.mm.users}
            tree = self._trees[process] = process_tree(self._machine, process)
        return tree


def _ftrace_enabled() -> TextFile:
    """``sys/kernel/ftrace_enabled``: clients look for it, there is nothing to turn off."""

    def store(request: Request, data: bytes) -> None:
        if not data.strip().isdigit():
            raise refuse(errno.EINVAL)

    return TextFile(0o644, lambda: "1\n", store)
