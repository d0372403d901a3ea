"""Files that choose functions to trace, in a kernel that has none to offer.

Modelled after the reading side of set_ftrace_filter, set_ftrace_notrace and set_ftrace_pid
(kernel/trace/ftrace.c): there they are, for clients look for them and write empty lines to reset
them, but nothing can be chosen.
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.numbers import refuse

FILES = {
    "set_ftrace_filter": "#### all functions enabled ####\n",
    "set_ftrace_notrace": "#### no functions disabled ####\n",
    "set_ftrace_pid": "no pid\n",
    "set_ftrace_notrace_pid": "no pid\n",
}
"""What each file shows while nothing is chosen."""


def write(text: str) -> None:
    """Blanks choose nothing; any name or pid is EINVAL."""
    if text.strip():
        raise refuse(errno.EINVAL)
