"""Words of a write that may come in pieces: trace_get_user() (kernel/trace/trace.c)."""

from __future__ import annotations

import errno
import re

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.numbers import refuse

_LONGEST = 127
_WORD = re.compile(f"[{BLANKS}]*([^{BLANKS}\0]*)[{BLANKS}\0]?")


def first_word(text: str, start: int = 0) -> tuple[str, int]:
    """The first word from a position on, which may be empty, and where what follows it begins.

    Raises EINVAL for a word that is too long.
    """
    match = _WORD.match(text, start)
    assert match is not None
    if len(match[1]) > _LONGEST:
        raise refuse(errno.EINVAL)
    return match[1], match.end()
