"""What can be wrong with a machine or a mount point, and what to do about it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_DEVICE = Path("/dev/fuse")


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
