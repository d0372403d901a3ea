"""The lab's tree: the mount point stands for ``/``."""

from __future__ import annotations

from engine import Machine
from tracefs_fuse.files.cgroup import cgroup_tree
from tracefs_fuse.files.node import Directory, FileSystem, Symlink
from tracefs_fuse.files.proc import proc_tree, shell_proc_tree
from tracefs_fuse.files.sysfs import Attribute, SysfsFolder, sysfs_of
from tracefs_fuse.files.thp import thp_tree
from tracefs_fuse.files.tracefs import tracefs_tree
from tracefs_fuse.tracing.tracing import Tracing

_DEBUGFS = FileSystem(name_limit=255)


def root_tree(tracing: Tracing, machine: Machine, *, for_shell: bool = False) -> Directory:
    """Everything that a lab shows.

    for_shell: its ``/proc`` takes the place of the machine's.
    """
    debug = Directory({"tracing": Symlink("../tracing")}, mode=0o700)
    debug.filesystem = _DEBUGFS
    sys = Directory(
        {
            "devices": Directory({"system": Directory({"cpu": _cpu_folder(machine.cpus)})}),
            "fs": Directory({"cgroup": cgroup_tree(machine)}),
            "kernel": Directory(
                {
                    "debug": debug,
                    "mm": Directory({"transparent_hugepage": thp_tree(machine)}),
                    "tracing": tracefs_tree(tracing),
                }
            ),
        },
        mode=0o555,
    )
    sys.filesystem = sysfs_of(machine.kernel.version.name)
    proc = shell_proc_tree(machine) if for_shell else proc_tree(machine)
    return Directory({"proc": proc, "sys": sys})


def _cpu_folder(count: int) -> Directory:
    """Where programs learn how many CPUs there are (drivers/base/cpu.c)."""
    cpus = f"0-{count - 1}\n" if count > 1 else "0\n"
    return SysfsFolder(
        {name: Attribute(lambda: cpus) for name in ("online", "possible", "present")}
    )
