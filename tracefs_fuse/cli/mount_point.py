"""The folder that a lab is mounted on: made if it is missing, and one command's at a time."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tracefs_fuse.cli.ending import ending_raises
from tracefs_fuse.cli.mounts import Mount, lab_around, mount_at
from tracefs_fuse.cli.problems import Problem


def folder_named(text: str) -> Path:
    """A folder of the command line."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    try:
        return Path(text).absolute()
    except OSError:  # it was removed, or in a lab that has ended
        raise Problem("the current folder is gone; go to another one: cd") from None


class MountPoint:
    """A folder that is fit to be mounted on, or already has a lab."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lab: Mount | None = None
        """What is there already; then nothing was made."""

        self._made: list[Path] = []

    def make(self) -> None:
        """Make what is missing of the path."""
        missing = []
        path = self.folder
        while path != path.parent and not os.path.lexists(path):
            missing.append(path)
            path = path.parent
        for path in reversed(missing):
            with suppress(FileExistsError):  # another command was quicker
                path.mkdir()
                self._made.append(path)

    def give_up(self) -> None:
        """Remove what was made, and the mount that a lab left which died while it was starting."""
        lab = mount_at(self.folder)
        if lab is not None and lab.is_ours and not lab.is_alive:
            lab.detach()
        while self._made:
            with suppress(OSError):
                self._made.pop().rmdir()


@contextmanager
def mount_point(folder: Path) -> Iterator[MountPoint]:
    """Prepare a folder for a lab; other commands that want it wait for the end of the context.

    What was made and mounted goes with an exception; signals that end the process are one.  Raises
    Problem when nothing can be mounted there.
    """
    with ending_raises(), _taken(MountPoint(folder)) as place:
        yield place


@contextmanager
def _taken(place: MountPoint) -> Iterator[MountPoint]:
    folder, taken, is_locked = place.folder, None, False
    try:
        while taken is None:
            place.lab = _living_lab(folder)
            if place.lab is not None:
                break
            taken = _take(place)
        if taken is not None:
            if os.listdir(taken):
                raise Problem(f"{folder} is not empty; choose an empty or a new folder")
            is_locked = _lock(taken, fcntl.LOCK_NB)  # as it was when it was taken, if it can be
        yield place
    except BaseException:
        lab = mount_at(folder)
        if is_locked and lab is not None and lab.is_ours:  # nobody else could mount one meanwhile
            lab.end()
        place.give_up()
        raise
    finally:
        if taken is not None:
            os.close(taken)


def _lock(taken: int, flags: int = 0) -> bool:
    """Lock a folder; not on each network file system can it be."""
    try:
        fcntl.flock(taken, fcntl.LOCK_EX | flags)
    except OSError:
        return False
    return True


def end_lab(lab: Mount, folder: Path) -> None:
    """End a lab, or what is left of it.  Raises Problem when this user may not."""
    if not lab.end():
        by_hand = f"sudo umount -l {shlex.quote(str(folder))}"
        raise Problem(f"{folder} can't be unmounted by this user; try: {by_hand}")


def _living_lab(folder: Path) -> Mount | None:
    """The lab on a folder; one that is dead is cleared away."""
    lab = mount_at(folder)
    if lab is None:
        return None
    if not lab.is_ours:
        raise Problem(f"{folder} is a mount of {lab.type} already; choose another folder")
    if not lab.is_alive:
        end_lab(lab, folder)
        return None
    if not lab.is_mine:
        raise Problem(f"{folder} is another user's lab; choose another folder")
    return lab


def _take(place: MountPoint) -> int | None:
    """Make the folder and lock it; None if somebody has mounted on it or removed it meanwhile."""
    folder = place.folder
    if lab_around(folder) is not None:
        raise Problem(f"{folder} is inside a lab; choose a folder elsewhere")
    try:
        place.make()
        taken = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileExistsError, NotADirectoryError):
        raise Problem(f"{folder} is not a folder; choose another one") from None
    except OSError as error:
        raise Problem(f"{folder}: {error.strerror}; choose another folder") from None
    _lock(taken)
    with suppress(FileNotFoundError):
        if mount_at(folder) is None and os.path.samestat(os.stat(folder), os.fstat(taken)):
            return taken
    os.close(taken)
    return None
