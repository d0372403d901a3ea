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

_SOURCE = "tracefs-fuse"
_COMMANDS = (b"tracefs-fuse", b"tracefs_fuse")
"""What a daemon's command line holds: the script's or the module's name."""

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
        return self.source.startswith(f"{_SOURCE}:")

    @property
    def daemon(self) -> int:
        """Process that serves the lab."""
        return int(self.source.rpartition(":")[2])

    @property
    def is_alive(self) -> bool:
        """The daemon still runs."""
        try:
            command = Path(f"/proc/{self.daemon}/cmdline").read_bytes()
        except OSError:
            return False
        return any(name in command for name in _COMMANDS)

    def detach(self) -> None:
        """Take the mount out of the tree, whatever holds it."""
        fusermount = shutil.which("fusermount3") or shutil.which("fusermount")
        command = ["umount", "-l"] if os.getuid() == 0 or not fusermount else [fusermount, "-uz"]
        subprocess.run([*command, self.folder], check=False, capture_output=True)

    def end(self) -> bool:
        """Have the daemon unmount and end, or detach what it left; says whether it is gone."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.daemon, signal.SIGTERM)
            limit = time.monotonic() + _PATIENCE
            while (self.is_alive or self._is_mounted()) and time.monotonic() < limit:
                time.sleep(_TURN)
        if self._is_mounted():
            self.detach()
        return not self._is_mounted()

    def _is_mounted(self) -> bool:
        return self in mounts()


def mounts() -> list[Mount]:
    """All mounts, in the order in which they were made."""
    found = []
    for line in Path("/proc/self/mounts").read_bytes().split(b"\n")[:-1]:
        source, folder, type_ = (_unescaped(os.fsdecode(word)) for word in line.split(b" ")[:3])
        found.append(Mount(source, folder, type_))
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
