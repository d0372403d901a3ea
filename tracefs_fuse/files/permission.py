"""Who may do what with a node.

Modelled after fs/namei.c: generic_permission() and fs/attr.c: setattr_prepare().
"""

from __future__ import annotations

import errno
import os

from tracefs_fuse.files.node import Directory, Node, Request
from tracefs_fuse.real_proc import real_proc
from tracefs_fuse.tracing.numbers import refuse

Owner = tuple[int, int]
"""User and group."""

_ANY_EXECUTE = 0o111
_USER_NAMESPACE = "ns/user"
_CAP_DAC_OVERRIDE = 1 << 1


def check_permission(node: Node, owner: Owner, request: Request, wanted: int) -> None:
    """Raise EACCES unless the caller may do all that is wanted, a mask of R_OK, W_OK and X_OK.

    Root may do everything but execute a file that nobody may execute.
    """
    uid, gid = owner
    group, others = node.mode >> 3, node.mode
    if request.uid == uid:
        may = node.mode >> 6
    elif wanted & (group ^ others) and _is_in_group(request, gid):
        may = group
    else:
        may = others
    if not wanted & ~may:
        return
    executable = isinstance(node, Directory) or node.mode & _ANY_EXECUTE
    if not (_overrides(request) and (executable or not wanted & os.X_OK)):
        raise refuse(errno.EACCES)


def check_setattr(owner: Owner, request: Request, new_owner: Owner | None = None) -> None:
    """Raise EPERM unless the caller may change the mode and times, or give the node away."""
    if request.uid == 0:
        return
    if request.uid != owner[0] or new_owner not in (None, owner):
        raise refuse(errno.EPERM)


def _is_in_group(request: Request, gid: int) -> bool:
    """Whether a group is one of the caller's, of which FUSE tells only the first."""
    if request.gid == gid:
        return True
    try:
        others = _status(request.pid, "Groups")
    except OSError:
        return False
    return str(gid) in others


def _overrides(request: Request) -> bool:
    """Whether the caller is root, or else may override modes in the lab's own user namespace."""
    if request.uid == 0:
        return True
    proc = real_proc()
    try:
        theirs = os.readlink(proc / str(request.pid) / _USER_NAMESPACE)
        if theirs != os.readlink(proc / "self" / _USER_NAMESPACE):
            return False  # what it may do there is nothing here
        effective = int(_status(request.pid, "CapEff")[0], 16)
    except OSError:
        return False
    return bool(effective & _CAP_DAC_OVERRIDE)


def _status(pid: int, name: str) -> list[str]:
    """What a process's status says of something.  Raises OSError when the process is gone."""
    status = (real_proc() / f"{pid}/status").read_text(errors="replace")
    (words,) = (line.split() for line in status.split("\n") if line.startswith(f"{name}:"))
    return words[1:]
