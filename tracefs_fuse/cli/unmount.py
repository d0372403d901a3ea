"""``tracefs-fuse unmount``: end a lab."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tracefs_fuse.cli.mount_point import end_lab, folder_named
from tracefs_fuse.cli.mounts import mount_at
from tracefs_fuse.cli.problems import Problem


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "unmount",
        help="end a lab",
        description="End the lab on DIR, also while its files are open or its daemon is dead.",
        epilog="example: tracefs-fuse unmount /tmp/lab",
    )
    parser.add_argument("folder", metavar="DIR", type=folder_named, help="where the lab is mounted")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    folder: Path = options.folder
    mount = mount_at(folder)
    if mount is None or not mount.is_ours:
        raise Problem(f"no lab is mounted on {folder}; see: grep tracefs-fuse /proc/mounts")
    end_lab(mount, folder)
    return 0
