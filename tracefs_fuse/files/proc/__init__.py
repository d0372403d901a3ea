"""``/proc``: the emulated processes, and counters (fs/proc/)."""

from tracefs_fuse.files.proc.shell import shell_proc_tree
from tracefs_fuse.files.proc.tree import proc_tree

__all__ = ["proc_tree", "shell_proc_tree"]
