"""A namespace of its own for a process: users and mounts that end with it.

See user_namespaces(7) and mount_namespaces(7).  What is mounted there nobody else sees, and it goes
with the last process inside, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import stat
from contextlib import suppress
from pathlib import Path

from tracefs_fuse.cli.problems import Problem
from tracefs_fuse.real_proc import PLACE, real_proc

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_SAFE = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]

_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user/max_user_namespaces", "0", "15000"),
)
"""Settings that may forbid user namespaces: the value that does, and one that does not."""


def enter() -> None:
    """Go to a user namespace and a mount namespace of our own, where this process is root.

    Users and groups stay who they are where that may be arranged, which is for root; anybody else
    becomes root alone.  The process must have one thread.  Raises Problem.
    """
    unshared, tell_unshared = os.pipe()
    helper = os.fork()
    if helper == 0:  # who stays outside may say who is who inside
        os.close(tell_unshared)
        os.read(unshared, 1)
        try:
            _map_users(os.getppid())
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    os.close(unshared)
    try:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    except OSError as error:
        raise _forbidden(error) from None
    finally:
        os.close(tell_unshared)
        _, status = os.waitpid(helper, 0)
    try:
        if status:
            raise OSError(os.waitstatus_to_exitcode(status), "users can't be mapped")
        _mount("none", Path("/"), "", _MS_REC | _MS_PRIVATE)
    except OSError as error:
        raise _forbidden(error) from None


def leave_mounts() -> None:
    """Have mounts of our own from here on: a copy of those of the processes that stay behind."""
    _call("unshare", _CLONE_NEWNS)


def _forbidden(error: OSError) -> Problem:
    for name, forbids, allows in _SWITCHES:
        with suppress(OSError):
            if Path("/proc/sys", name).read_text().strip() == forbids:
                allow = f"{name.replace('/', '.')}={allows}"
                return Problem(f"user namespaces are off; allow them: sudo sysctl {allow}")
    return Problem(
        f"user namespaces are not allowed here ({error.strerror}); in a container, start it with "
        "--security-opt seccomp=unconfined, or mount the lab on a folder: mount.sh DIR"
    )


def _map_users(pid: int) -> None:
    """Say who the users and groups of this namespace are in that of another process."""
    process = real_proc() / str(pid)
    try:
        for ids in ("uid_map", "gid_map"):
            (process / ids).write_text(_unchanged(Path(f"/proc/self/{ids}").read_text()))
    except PermissionError:
        (process / "uid_map").write_text(f"0 {os.geteuid()} 1\n")
        (process / "setgroups").write_text("deny")
        (process / "gid_map").write_text(f"0 {os.getegid()} 1\n")


def _unchanged(ranges: str) -> str:
    """A map in which everybody of a map is who he is."""
    known = [line.split() for line in ranges.splitlines()]
    return "".join(f"{first} {first} {count}\n" for first, _, count in known)


def mount_tmpfs(folder: Path, mode: int = 0o755) -> None:
    """An empty folder over one that is there."""
    _mount("tmpfs", folder, "tmpfs", _SAFE, f"mode={mode:o}")


def bind(source: Path, target: Path) -> None:
    """Have ``source`` stand at ``target``, be that a link or missing in its folder."""
    if not os.path.lexists(target):
        _make_room(target.parent)
        target.mkdir() if source.is_dir() else target.touch()
    place = os.open(target, os.O_PATH | os.O_NOFOLLOW)
    try:
        _mount(str(source), Path(f"/proc/self/fd/{place}"), "", _MS_BIND | _MS_REC)
    finally:
        os.close(place)


def _make_room(folder: Path) -> None:
    """Put a folder with the same entries in the place of one that takes no new ones."""
    before = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    old = Path(f"/proc/self/fd/{before}")
    mount_tmpfs(folder, stat.S_IMODE(old.stat().st_mode))
    for entry in sorted(old.iterdir()):
        target = folder / entry.name
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        target.mkdir() if entry.is_dir() else target.touch()
        bind(entry, target)
    os.close(before)


def uncover_proc() -> None:
    """Have the machine's own ``/proc`` at its usual place, where a lab's shell has moved it."""
    proc, usual = real_proc(), Path("/proc")
    if proc != usual:
        bind(proc, usual)


def cover_proc(lab: Path) -> None:
    """Have the ``/proc`` of a lab that is mounted on a folder take the place of the machine's.

    The machine's settings in ``/proc/sys`` can be read but not written.
    """
    proc = Path("/proc")
    bind(proc, lab / "proc" / PLACE)  # first, for no mount is made without it
    bind(lab / "proc", proc)
    settings = proc / "sys"
    bind(proc / PLACE / "sys", settings)
    _mount("none", settings, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _SAFE)


def detach(folder: Path) -> None:
    """Take a mount out of the tree; what is bound elsewhere stays."""
    _call("umount2", os.fsencode(folder), _MNT_DETACH)


def _mount(source: str, target: Path, type_: str, flags: int, options: str = "") -> None:
    arguments = (os.fsencode(source), os.fsencode(target), type_.encode(), flags, options.encode())
    _call("mount", *arguments)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
