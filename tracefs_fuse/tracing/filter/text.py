"""The bytes of a command and the text that stands for them.

One character is one byte.  The kernel calls some bytes beyond ASCII blank or alphabetic, as
in Latin-1 (lib/ctype.c).
"""

from __future__ import annotations

from tracefs_fuse.tracing import ctype

BLANKS = ctype.BLANKS.encode("latin-1")

ALPHANUMERIC = rb"0-9A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff"
"""What isalnum() says yes to, as the members of a character class."""


def encoded(text: str) -> bytes:
    return text.encode("latin-1")


def decoded(text: bytes) -> str:
    return text.decode("latin-1")
