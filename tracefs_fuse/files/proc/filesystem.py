"""What files and folders of procfs have in common."""

from __future__ import annotations

import errno
from dataclasses import replace

from tracefs_fuse.files.node import FileSystem, TextFile

PROC = FileSystem(block_size=1024, syncs_folders=False, finds_new=False)
PROCESS = replace(PROC, fixed_owners=True)
"""The folder of a process."""

SYSCTL = replace(PROC, fixed_owners=True, removing=errno.EACCES)
"""``/proc/sys``."""


class ProcText(TextFile):
    """A file with text."""

    unwritable = errno.EIO
