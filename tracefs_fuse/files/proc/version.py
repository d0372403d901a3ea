"""``version``: the kernel's release and build (version_proc_show() in fs/proc/version.c)."""

from __future__ import annotations

SYSNAME = "Linux"
BUILD = "#1 SMP PREEMPT_DYNAMIC tracefs-fuse (emulated)"
"""Number, configuration, and instead of a date what has made it."""

_MAKER = "(lab@tracefs-fuse) (emulated, not compiled)"
"""Builder and compiler."""


def version_text(release: str) -> str:
    """The one line."""
    return f"{SYSNAME} version {release} {_MAKER} {BUILD}\n"
