"""What the kernel takes for blanks, and the words between them.

Modelled after lib/ctype.c, which knows Latin-1; one character is one byte of what was written.
"""

from __future__ import annotations

import re

BLANKS = " \t\n\v\f\r\xa0"
"""What isspace() says yes to."""

_BETWEEN = re.compile(f"[{BLANKS}]+")


def words(text: str) -> list[str]:
    """What stands between blanks."""
    return [word for word in _BETWEEN.split(text) if word]
