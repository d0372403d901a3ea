"""What can be wrong with a machine, and what to do about it."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

_DEVICE = Path("/dev/fuse")
_LIBFUSE = "libfuse.so.2"
_CHOICE = "FUSE_LIBRARY_PATH"
"""A variable by which fusepy is told what to load."""

_LIMITS = {errno.EAGAIN: "u", errno.EMFILE: "n", errno.ENOMEM: "v"}
"""Of ulimit(1), what may be too low."""

_SHELL = "or try: mount.sh --shell"
_ADVICE = {
    "failed to open /etc/mtab": f"make it: sudo ln -s /proc/self/mounts /etc/mtab, {_SHELL}",
    "could not determine username": f"be a user that has a name, {_SHELL}",
    "no write access": "choose another folder",
    "not owned by user": "choose another folder",
    "Operation not permitted": f"give the container --cap-add SYS_ADMIN, {_SHELL}",
    "Invalid argument": "is /dev/fuse what it should be?",
}
"""By what is said when a lab can't be mounted."""
_FUSE_CONF = Path("/etc/fuse.conf")
_LETS_IN = "user_allow_other"


class Problem(Exception):
    """Something that the user must put right; the text is one line and says how."""


def in_words(error: OSError) -> str:
    """What was refused by the machine, in one line."""
    words = ": ".join(filter(None, [error.filename, error.strerror])) or repr(error)
    limit = _LIMITS.get(error.errno or 0)
    return f"{words}; see ulimit -{limit}" if limit else words


def advised(fault: str) -> str:
    """What libfuse or fusermount says, with what to do about it."""
    return next(
        (f"{fault}; {advice}" for words, advice in _ADVICE.items() if words in fault), fault
    )


def check_machine(*, privately: bool = False) -> None:
    """Raises Problem when FUSE can't be used here.

    privately: the mount is to be made in a namespace where this process is root.
    """
    _load_libfuse()
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


def _load_libfuse() -> None:
    """Have fusepy load libfuse: by its name, while its own search asks other programs."""
    own_choice = os.environ.get(_CHOICE)
    os.environ[_CHOICE] = own_choice or _LIBFUSE
    try:
        import fuse  # noqa: F401
    except (OSError, AttributeError) as error:  # none, or another library
        install = "install it: apt install libfuse2 (libfuse2t64 on new Ubuntu)"
        raise Problem(f"libfuse can't be loaded ({error}); {install}") from None
    finally:
        if own_choice is None:
            del os.environ[_CHOICE]
