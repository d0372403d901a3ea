"""``/proc``: the emulated processes, and counters (fs/proc/)."""

from tracefs_fuse.files.proc.tree import proc_tree

__all__ = ["proc_tree"]
