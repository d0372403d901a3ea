"""``/proc`` in a lab's shell: the lab's files, and the machine's for what the lab lacks.

The machine's own ``/proc`` is mounted on a folder in it that listings leave out.  Links lead there,
so that files which depend on their reader, such as ``self/fd``, are real ones.  Processes of the
machine can be found by their numbers but are not listed: clients such as ps(1) show the lab's.  A
number that both have is the lab's process.

On ``sys`` the machine's own folder is mounted, and the lab's settings on those of the machine: a
link would not do, for sysctl(8) takes no path that leads out of it.
"""

from __future__ import annotations

import os

from engine import Machine
from tracefs_fuse.files.node import Directory, Node, Request, Symlink
from tracefs_fuse.files.proc.pid.caller import SelfLink
from tracefs_fuse.files.proc.tree import proc_tree
from tracefs_fuse.real_proc import PLACE, real_proc

_MACHINE_ALONE = frozenset(
    {
        *("cmdline", "config.gz", "kcore", "kmsg", "kpagecgroup", "kpagecount", "kpageflags"),
        *("pagetypeinfo", "pressure", "slabinfo", "swaps", "sysrq-trigger", "timer_list"),
        *("vmallocinfo", "zoneinfo"),
    }
)
"""Files on the machine's kernel and its memory, which would contradict the lab's files: absent."""


def shell_proc_tree(machine: Machine) -> Directory:
    """The folder of a lab's machine that takes the place of the real machine's."""
    lab = proc_tree(machine)
    links = {"self": ShellSelfLink(lab), "thread-self": ShellSelfLink(lab, thread=True)}
    return ShellProc(lab, {**links, PLACE: Directory({}, mode=0o555)})


class ShellProc(Directory):
    """``/proc`` of a lab with links to what only the machine has."""

    def __init__(self, lab: Directory, own: dict[str, Node]) -> None:
        """own: entries that take the place of the lab's, or that are not listed."""
        super().__init__(own, lab.mode)
        self.filesystem = lab.filesystem
        self._lab = lab

    @property
    def links(self) -> int:
        return self._lab.links

    def lookup(self, name: str) -> Node | None:
        found = super().lookup(name) or self._lab.lookup(name)
        if found is None and name not in _MACHINE_ALONE and os.path.lexists(real_proc() / name):
            return _link(name)
        return found

    def children(self) -> dict[str, Node]:
        others = set(os.listdir(real_proc())) - _MACHINE_ALONE
        machines = {name: _link(name) for name in others if not name.isdecimal()}
        listed = {**machines, **self._lab.children()}
        return {name: self._entries.get(name, node) for name, node in listed.items()}


def _link(name: str) -> Symlink:
    return Symlink(f"{PLACE}/{name}")


class ShellSelfLink(SelfLink):
    """``self``, or ``thread-self``: leads past a process of the lab that has the same number."""

    def __init__(self, lab: Directory, *, thread: bool = False) -> None:
        super().__init__(thread=thread)
        self._lab = lab

    def target(self, request: Request) -> str:
        path = super().target(request)
        taken = self._lab.lookup(path.partition("/")[0]) is not None
        return f"{PLACE}/{path}" if taken else path
