"""The folder ``/proc``, as far as the lab has it."""

from __future__ import annotations

from engine import Machine
from engine.machine import Process
from tracefs_fuse.files.node import Directory, Node, Seeks
from tracefs_fuse.files.proc.buddyinfo import buddyinfo_text
from tracefs_fuse.files.proc.filesystem import PROC, SYSCTL, ProcText
from tracefs_fuse.files.proc.meminfo import meminfo_text
from tracefs_fuse.files.proc.mounts import MountsFile
from tracefs_fuse.files.proc.process import process_tree
from tracefs_fuse.files.proc.sysctl import Setting, SettingThatStaysOn
from tracefs_fuse.files.proc.versions import version_of
from tracefs_fuse.files.proc.vmstat import vmstat_text
from tracefs_fuse.tracing.kallsyms import kallsyms_text

_KPTR_HIDDEN = 2
"""Of ``kptr_restrict``: nobody sees addresses."""


def proc_tree(machine: Machine) -> Directory:
    """The folder of a machine."""
    stays_enabled = version_of(machine).ftrace_stays_enabled
    ftrace_enabled = SettingThatStaysOn(1) if stays_enabled else Setting(1)
    kptr_restrict = Setting(0, 0, _KPTR_HIDDEN)
    return ProcessesDirectory(
        machine,
        {
            "buddyinfo": ProcText(
                0o444, lambda: buddyinfo_text(machine), seeks=Seeks.NOT_TO_END, splices=True
            ),
            "kallsyms": ProcText(
                0o444,
                lambda: kallsyms_text(
                    machine.kernel.version.name, hidden=kptr_restrict.value == _KPTR_HIDDEN
                ),
                seeks=Seeks.NOT_TO_END,
            ),
            "meminfo": ProcText(
                0o444, lambda: meminfo_text(machine), seeks=Seeks.NOT_TO_END, splices=True
            ),
            "mounts": MountsFile(),
            "sys": _SettingsFolder(
                {
                    "kernel": _SettingsFolder(
                        {"ftrace_enabled": ftrace_enabled, "kptr_restrict": kptr_restrict}
                    )
                }
            ),
            "vmstat": ProcText(
                0o444, lambda: vmstat_text(machine), seeks=Seeks.NOT_TO_END, splices=True
            ),
        },
    )


class _SettingsFolder(Directory):
    """``/proc/sys`` or below."""

    filesystem = SYSCTL

    def __init__(self, entries: dict[str, Node]) -> None:
        super().__init__(entries, mode=0o555)

    @property
    def links(self) -> int:
        return 1


class ProcessesDirectory(Directory):
    """A folder for each process, as long as it lives."""

    filesystem = PROC

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
