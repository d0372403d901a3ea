"""Mounts of this machine, and labs among them.

A lab's mount names its daemon: the device in /proc/mounts is ``tracefs-fuse:PID``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tracefs_fuse.cli import namespace
from tracefs_fuse.real_proc import real_proc

_SOURCE = "tracefs-fuse"
_COMMANDS = (b"tracefs-fuse", b"tracefs_fuse")
"""What a daemon's command line holds: the script's or the module's name."""

_SHELLS = Path("/sys/kernel/tracing")
_MACHINES = ("/sys/", "/proc/")
_OURS = re.compile(rf"{_SOURCE}:\d+")
_OCTAL = re.compile(r"\\([0-7]{3})")
_PATIENCE = 5.0
_TURN = 0.02


def source_of(pid: int) -> str:
    """The device name of a lab that this process serves."""
    return f"{_SOURCE}:{pid}"


@dataclass(frozen=True)
class Mount:
    """One line of /proc/mounts."""

    source: str
    folder: str
    type: str

    @property
    def is_ours(self) -> bool:
        return _OURS.fullmatch(self.source) is not None

    @property
    def is_mine(self) -> bool:
        """The daemon runs for the user of this process."""
        try:
            status = (real_proc() / f"{self.daemon}/status").read_text()
        except OSError:
            return False
        return f"\nUid:\t{os.getuid()}\t" in status

    @property
    def daemon(self) -> int:
        """Process that serves the lab."""
        return int(self.source.rpartition(":")[2])

    @property
    def is_alive(self) -> bool:
        """The daemon still runs."""
        try:
            command = (real_proc() / f"{self.daemon}/cmdline").read_bytes()
        except OSError:
            return False
        return any(name in command for name in _COMMANDS)

    def detach(self) -> None:
        """Take the mount out of the tree, whatever holds it, if this user may."""
        with contextlib.suppress(OSError):
            namespace.detach(Path(self.folder))
            return
        fusermount = shutil.which("fusermount3") or shutil.which("fusermount")
        if fusermount is None:
            return
        with contextlib.suppress(OSError):
            subprocess.run([fusermount, "-uz", self.folder], check=False, capture_output=True)

    def end(self) -> bool:
        """Have the daemon unmount and end, or detach what it left; says whether it is gone."""
        if self._tell(signal.SIGTERM):
            limit = time.monotonic() + _PATIENCE
            while self.is_alive and time.monotonic() < limit:
                time.sleep(_TURN)
        if self._is_mounted():
            self.detach()
            self._tell(signal.SIGKILL)
        return not self._is_mounted()

    def _tell(self, what: signal.Signals) -> bool:
        """Signal the daemon, if there is one and this user may."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self.is_alive:
                os.kill(self.daemon, what)
                return True
        return False

    def _is_mounted(self) -> bool:
        return self in mounts()


def mounts() -> list[Mount]:
    """All mounts, in the order in which they were made."""
    found = []
    for line in Path("/proc/self/mounts").read_bytes().split(b"\n")[:-1]:
        words = line.split(b" ")[:3]
        found.append(Mount(*(_unescaped(os.fsdecode(word)) for word in words)))
    return found


def _unescaped(word: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), word)


def mount_at(folder: Path) -> Mount | None:
    """The mount on a folder, if any; works on a dead one too.

    A link to the folder is only followed when nothing is mounted on the name itself, for even
    looking at a mount can take for ever when its daemon hangs.
    """
    there = {mount.folder: mount for mount in mounts()}
    named = os.path.join(os.path.realpath(folder.parent), folder.name)
    return there.get(named) or there.get(os.path.realpath(named))


def lab_around(folder: Path) -> Mount | None:
    """The lab in which a folder is, or would be."""
    above = Path(os.path.realpath(folder)).parents
    labs = (mount for mount in mounts() if mount.is_ours)
    return next((lab for lab in labs if Path(lab.folder) in above), None)


def lab_of_this_shell() -> Mount | None:
    """The living lab that stands in the place of the machine's files where this process is.

    Of such a lab only those pieces are there; one on a folder is whole there.
    """
    lab = mount_at(_SHELLS)
    if lab is None or not lab.is_ours or not lab.is_alive:
        return None
    places = [mount.folder for mount in mounts() if mount.source == lab.source]
    return lab if all(f"{place}/".startswith(_MACHINES) for place in places) else None
