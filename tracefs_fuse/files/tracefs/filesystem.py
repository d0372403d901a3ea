"""What all nodes of tracefs have in common, and those of ``events`` from 6.12 on."""

from __future__ import annotations

from dataclasses import replace

from tracefs_fuse.files.node import FileSystem

TRACEFS = FileSystem(name_limit=255, shows_truncation=True)
EVENTFS = replace(TRACEFS, name_limit=None, syncs_folders=False)
