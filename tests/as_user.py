"""An ordinary user of an ordinary machine, for tests that root runs.

In a mount namespace of its own /dev/fuse is there for everybody, as distributions have it, and the
folders that only root may pass are open on the way to what the user needs.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_USER = 12345
_FUSE_DEVICE = "c 10 229"


def as_user(home: Path, *, fuse_mode: int = 0o666) -> list[str]:
    """Words that, put before a command, have an ordinary user run it.

    home: a new folder, where the user may write.  fuse_mode: of /dev/fuse, where root tests.
    """
    home.mkdir()
    at_home = ["env", f"HOME={home}", f"XDG_STATE_HOME={home}", f"TMPDIR={home}"]
    if os.getuid() != 0:
        return at_home
    os.chown(home, _USER, _USER)
    user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    steps = [
        f"mount -t tmpfs tmpfs {home}",
        f"mknod -m {fuse_mode:o} {home}/fuse {_FUSE_DEVICE}",
        f"mount --bind {home}/fuse /dev/fuse",
        f"cat /etc/passwd - >{home}/passwd <<END\nuser:x:{_USER}:{_USER}::{home}:/bin/sh\nEND",
        f"mount --bind {home}/passwd /etc/passwd",  # fusermount asks for a name
        f"umount --lazy {home}",
        *_open_the_way(Path(path) for path in (sys.base_prefix, sys.prefix, _ROOT, home)),
        f'exec {shlex.join([*user, *at_home])} "$@"',
    ]
    return ["unshare", "--mount", "sh", "-euc", "\n".join(steps), "sh"]


def _open_the_way(needed: Iterable[Path]) -> Iterable[str]:
    """Steps that put an open folder, with only what is needed, in the place of each closed one."""
    behind: dict[Path, list[Path]] = {}
    for path in needed:
        closed = _first_closed(path)
        if closed is not None:
            behind.setdefault(closed, []).append(path)
    for closed, paths in behind.items():
        yield f"exec 3<{closed}"
        yield f"mount -t tmpfs -o mode=755 tmpfs {closed}"
        for path in paths:
            before = f"/proc/self/fd/3/{path.relative_to(closed)}"
            yield f"mkdir -p {path}"
            yield f"mount --no-canonicalize --bind {before} {path}"
        yield "exec 3<&-"


def _first_closed(path: Path) -> Path | None:
    return next(
        (folder for folder in reversed(path.parents) if not folder.stat().st_mode & stat.S_IXOTH),
        None,
    )
