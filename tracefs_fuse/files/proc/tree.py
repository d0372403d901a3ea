"""The folder ``/proc``, as far as the lab has it."""

from __future__ import annotations

from engine import Machine
from engine.task import KernelThread, Process
from tracefs_fuse.files.node import Directory, Node, Request, Seeks, Show
from tracefs_fuse.files.proc.buddyinfo import buddyinfo_text
from tracefs_fuse.files.proc.filesystem import PROC, SYSCTL, ProcText
from tracefs_fuse.files.proc.meminfo import meminfo_text
from tracefs_fuse.files.proc.mounts import MountsFile
from tracefs_fuse.files.proc.pid.caller import SelfLink, caller_tree, tgid_of
from tracefs_fuse.files.proc.pid.tree import process_tree
from tracefs_fuse.files.proc.stat import cpuinfo_text, loadavg_text, stat_of, uptime_text
from tracefs_fuse.files.proc.sysctl import Setting, SettingText, SettingThatStaysOn
from tracefs_fuse.files.proc.version import BUILD, SYSNAME, version_text
from tracefs_fuse.files.proc.versions import version_of
from tracefs_fuse.files.proc.vmstat import vmstat_text
from tracefs_fuse.tracing.kallsyms import kallsyms_text
from tracefs_fuse.tracing.versions import VERSIONS

_KPTR_HIDDEN = 2
"""Of ``kptr_restrict``: nobody sees addresses."""

_PID_MAX = 32768
_PID_LIMITS = 301, 1 << 22
"""Lowest and highest value of ``pid_max``."""


def proc_tree(machine: Machine) -> Directory:
    """The folder of a machine."""
    version = version_of(machine)
    release = VERSIONS[machine.kernel.version.name].release
    stays_enabled = version.ftrace_stays_enabled
    ftrace_enabled = SettingThatStaysOn(1) if stays_enabled else Setting(1)
    kptr_restrict = Setting(0, 0, _KPTR_HIDDEN)
    return ProcessesDirectory(
        machine,
        {
            "buddyinfo": ProcText(
                0o444, lambda: buddyinfo_text(machine), seeks=Seeks.NOT_TO_END, splices=True
            ),
            "cpuinfo": _text(lambda: cpuinfo_text(machine)),
            "kallsyms": ProcText(
                0o444,
                lambda: kallsyms_text(
                    machine.kernel.version.name, hidden=kptr_restrict.value == _KPTR_HIDDEN
                ),
                seeks=Seeks.NOT_TO_END,
            ),
            "loadavg": _text(lambda: loadavg_text(machine)),
            "meminfo": ProcText(
                0o444, lambda: meminfo_text(machine), seeks=Seeks.NOT_TO_END, splices=True
            ),
            "mounts": MountsFile(),
            "self": SelfLink(),
            "stat": _text(stat_of(machine)),
            "sys": _SettingsFolder(
                {
                    "kernel": _SettingsFolder(
                        {
                            "ftrace_enabled": ftrace_enabled,
                            "kptr_restrict": kptr_restrict,
                            "osrelease": SettingText(release),
                            "ostype": SettingText(SYSNAME),
                            "pid_max": Setting(_PID_MAX, *_PID_LIMITS),
                            "version": SettingText(BUILD),
                        }
                    )
                }
            ),
            "thread-self": SelfLink(thread=True),
            "uptime": _text(lambda: uptime_text(machine)),
            "version": _text(lambda: version_text(release)),
            "vmstat": _text(lambda: vmstat_text(machine)),
        },
    )


def _text(show: Show) -> ProcText:
    return ProcText(0o444, show, seeks=Seeks.NOT_TO_END, splices=True)


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
        self._trees: dict[Process | KernelThread, Directory] = {}

    def lookup(self, name: str) -> Node | None:
        process = self._process(int(name)) if name.isdecimal() else None
        if process is None or name != str(process.pid):
            return super().lookup(name)
        return self._tree(process)

    def find(self, name: str, request: Request) -> Node | None:
        """Beyond the lab's processes, callers find themselves."""
        found = self.lookup(name)
        if found is None and name.isdecimal() and name == str(tgid_of(request.pid)):
            return caller_tree(int(name))
        return found

    def children(self) -> dict[str, Node]:
        processes: dict[int, Process | KernelThread] = {**self._machine.processes}
        processes |= self._machine.kthreads
        trees = {str(pid): self._tree(process) for pid, process in sorted(processes.items())}
        return {**super().children(), **trees}

    def _process(self, pid: int) -> Process | KernelThread | None:
        return self._machine.kthreads.get(pid) or self._machine.processes.get(pid)

    def _tree(self, process: Process | KernelThread) -> Directory:
        """Stays the same as long as the process lives."""
        tree = self._trees.get(process)
        if tree is None:
            self._trees = {p: tree for p, tree in self._trees.items() if p.is_alive}
            tree = self._trees[process] = process_tree(self._machine, process)
        return tree
