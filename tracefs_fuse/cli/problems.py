"""What can be wrong with a machine or a mount point, and what to do about it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tracefs_fuse.cli.mounts import Mount, mount_at

_DEVICE = Path("/dev/fuse")
_FUSE_CONF = Path("/etc/fuse.conf")
_LETS_IN = "user_allow_other"


class Problem(Exception):
    """Something that the user must put right; the text is one line and says how."""


def check_machine(*, privately: bool = False) -> None:
    """Raises Problem when FUSE can't be used here.

    privately: the mount is to be made in a namespace where this process is root.
    """
    try:
        import fuse  # noqa: F401  (loads libfuse)
    except OSError:
        raise Problem(
            "libfuse.so.2 is missing; install it: apt install libfuse2 (libfuse2t64 on new Ubuntu)"
        ) from None
    if not _DEVICE.exists():
        raise Problem("/dev/fuse is missing; load the kernel's module: sudo modprobe fuse")
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        raise Problem("/dev/fuse may not be opened; allow it: sudo chmod 0666 /dev/fuse")
    if (
        os.getuid() != 0
        and not privately
        and not (shutil.which("fusermount") or shutil.which("fusermount3"))
    ):
        raise Problem("fusermount is missing; install it: sudo apt install fuse3")


def check_allow_other() -> None:
    """Raises Problem when this user may not let others into a mount; see mount.fuse(8)."""
    if os.getuid() == 0:
        return
    try:
        settings = _FUSE_CONF.read_text(errors="replace").splitlines()
    except OSError:
        settings = []
    if _LETS_IN not in (line.strip() for line in settings):
        raise Problem(
            f"other users may only be let in by root; allow it: echo {_LETS_IN} | "
            f"sudo tee -a {_FUSE_CONF}"
        )


def check_mount_point(folder: Path) -> Mount | None:
    """Make the folder if it is missing; returns the lab that is already there, if any.

    Raises Problem when nothing can be mounted on it.
    """
    mount = mount_at(folder)
    if mount is not None:
        if not mount.is_ours:
            raise Problem(f"{folder} is a mount of {mount.type} already; choose another folder")
        if mount.is_alive:
            return mount
        mount.detach()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except (FileExistsError, NotADirectoryError):
        raise Problem(f"{folder} is not a folder; choose another one") from None
    except OSError as error:
        raise Problem(f"{folder}: {error.strerror}; choose another folder") from None
    if occupied:
        raise Problem(f"{folder} is not empty; choose an empty or a new folder")
    return None
