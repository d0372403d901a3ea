"""Numbers as the kernel reads them from a write.

Modelled after kstrtoull() and kstrtoll() (lib/kstrtox.c).
"""

from __future__ import annotations

import errno
import os
import re

_DECIMAL = re.compile(r"[0-9]+")
_BASE0 = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_LOOKED_AT = 66
"""Characters of a number that a file takes straight from a write."""


_MAX_DIGITS = 20
"""Of a decimal 64-bit number."""


def refuse(code: int) -> OSError:
    """An error with the kernel's errno."""
    return OSError(code, os.strerror(code))


def parse_unsigned(text: str, *, base0: bool = False) -> int:
    """A decimal number (or C notation with base0), with an optional ``+`` and one final newline.

    Raises EINVAL for anything else, ERANGE when it does not fit, whatever follows it.
    """
    text = text.removeprefix("+")
    found = (_BASE0 if base0 else _DECIMAL).match(text)
    if found is None:
        raise refuse(errno.EINVAL)
    body = found[0]
    if not base0 or not body.startswith("0") or body == "0":
        if len(digits := body.lstrip("0")) > _MAX_DIGITS:
            raise refuse(errno.ERANGE)
        value = int(digits or "0")
    else:
        value = int(body, 16) if body[1:2] in "xX" else int(body, 8)
    if value >> 64:
        raise refuse(errno.ERANGE)
    if text[found.end() :] not in ("", "\n"):
        raise refuse(errno.EINVAL)
    return value


def number_written(text: str) -> int:
    """kstrtoul_from_user(): like :func:`parse_unsigned`, of the beginning of a long text."""
    return parse_unsigned(text[:_LOOKED_AT])


def parse_signed(text: str, *, base0: bool = False) -> int:
    """Like :func:`parse_unsigned` for a signed 64-bit number."""
    negative = text.startswith("-")
    value = parse_unsigned(text[1:] if negative else text, base0=base0)
    if value > (1 << 63) - (not negative):
        raise refuse(errno.ERANGE)
    return -value if negative else value


def parse_switch(text: str) -> bool:
    """0 or 1; anything else is EINVAL."""
    value = number_written(text)
    if value > 1:
        raise refuse(errno.EINVAL)
    return bool(value)
