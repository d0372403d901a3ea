"""The tree below ``/sys/kernel/tracing``, over a tracing core.

:mod:`.top` declares the folders of the top level and of an instance, :mod:`.events` those of
events, :mod:`.pipe` the files that block.
"""

from tracefs_fuse.files.tracefs.top import tracefs_tree

__all__ = ["tracefs_tree"]
