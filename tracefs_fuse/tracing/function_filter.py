"""Files that choose functions to trace, in a kernel that has none to offer.

Modelled after set_ftrace_filter, set_ftrace_notrace and set_ftrace_pid (kernel/trace/ftrace.c):
there they are, for clients look for them and write empty lines to reset them.  No function can be
chosen; pids can, to no effect.
"""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.numbers import refuse

FILES = {
    "set_ftrace_filter": "#### all functions enabled ####\n",
    "set_ftrace_notrace": "#### no functions disabled ####\n",
}
"""What each file of functions shows while nothing is chosen."""

NO_PID = "no pid\n"
"""Text of a file of pids while the list is not in use."""


def write(text: str) -> None:
    """Blanks choose nothing; any name is EINVAL."""
    if text.strip(BLANKS):
        raise refuse(errno.EINVAL)
