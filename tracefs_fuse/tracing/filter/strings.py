"""Comparing strings: the forms of a pattern, and how far a comparison looks.

Modelled after filter_parse_regex(), the regex_match functions and filter_pred_string()
(kernel/trace/trace_events_filter.c) and glob_match() (lib/glob.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_COMM_LENGTH = 15
_SPECIAL = re.compile(rb"[*?\[\\]")


class Match(Enum):
    FULL = "full"
    FRONT = "front"
    MIDDLE = "middle"
    END = "end"
    GLOB = "glob"


@dataclass(frozen=True)
class Pattern:
    """What a string is compared with."""

    match: Match
    text: bytes
    inverted: bool = False

    @classmethod
    def of_glob(cls, text: bytes) -> Pattern:
        """The operand of ``~``: filter_parse_regex().

        A leading ``!`` inverts it, a digit then takes the rest literally.
        """
        inverted = text.startswith(b"!")
        text = text[inverted:]
        special = _SPECIAL.search(text)
        if special is None or text[:1].isdigit():
            return cls(Match.FULL, text, inverted)
        start, end = text.startswith(b"*"), text.endswith(b"*") and len(text) > 1
        inner = text[start : len(text) - end]
        if _SPECIAL.search(inner):
            return cls(Match.GLOB, text, inverted)
        match = (Match.MIDDLE if end else Match.END) if start else Match.FRONT
        return cls(match, inner, inverted)


def whole_string(value: str, pattern: Pattern) -> str:
    """The test of a string that ends where its bytes end: dynamic ones."""
    text = repr(pattern.text)
    return {
        Match.FULL: f"{value} == {text}",
        Match.FRONT: f"{value}.startswith({text})",
        Match.MIDDLE: f"{text} in {value}",
        Match.END: f"{value}.endswith({text})",
        Match.GLOB: value,
    }[pattern.match]


def comm_string(value: str, pattern: Pattern) -> str:
    """The test of a task's name, which lies in 16 bytes.

    Its end is sought before the last of them, so only a name of 15 bytes has the end that one sees.
    """
    if pattern.match is Match.END:
        if not pattern.text:
            return "True"
        return f"({value}.endswith({pattern.text!r}) and len({value}) == {_COMM_LENGTH})"
    return whole_string(value, pattern)


def array_string(value: str, pattern: Pattern, size: int) -> str:
    """The test of an array of ``size`` bytes, which may hold more behind the string's NUL."""
    text = pattern.text
    if pattern.match is Match.FULL:
        if len(text) < size:
            return f"{value}.startswith({text + bytes(1)!r})"
        return f"{value} == {text!r}"
    if pattern.match is Match.END:
        return f"{value}.endswith({text!r}, 0, {size - 1})"
    if pattern.match is Match.GLOB:
        return f"{value}.partition({bytes(1)!r})[0]"
    return whole_string(value, pattern)


def unsized_string(value: str, pattern: Pattern, *, glob_bounded: bool) -> str:
    """The test of a string at the end of the record, in an array declared without a size.

    Its end can't be found, and a glob that is bounded by the size sees nothing of it.
    """
    if pattern.match is Match.END:
        return "False"
    if pattern.match is Match.GLOB and glob_bounded:
        return repr(b"")
    return whole_string(f"{value}.partition({bytes(1)!r})[0]", pattern)


def compile_glob(text: bytes) -> re.Pattern[bytes]:
    """A regular expression that fully matches what the glob does: glob_match().

    Each run between two stars is taken where it is found first and never tried again, as the
    kernel does, so that many stars don't cost exponential time.
    """
    first, *others = _runs(text)
    if not others:
        return re.compile(first, re.S)
    *middle, last = others
    found = [b"(?=(.*?%b))\\%d" % (run, i) for i, run in enumerate(filter(None, middle), 1)]
    return re.compile(first + b"".join(found) + b".*" + last, re.S)


def _runs(text: bytes) -> list[bytes]:
    """What is between the stars, as regular expressions."""
    runs = [b""]
    position = 0
    while position < len(text):
        char = text[position : position + 1]
        position += 1
        if char == b"*":
            runs.append(b"")
            continue
        if char == b"?":
            piece = b"."
        elif char == b"[" and (parsed := _char_class(text, position)):
            piece, position = parsed
        elif char == b"\\":
            piece = re.escape(text[position : position + 1]) or rb"\Z"
            position += 1
        else:
            piece = re.escape(char)
        runs[-1] += piece
    return runs


def _char_class(text: bytes, position: int) -> tuple[bytes, int] | None:
    """The class behind a ``[`` and where it ends; None if it has no end."""
    inverted = text[position : position + 1] == b"!"
    position += inverted
    allowed: set[int] = set()
    first = True
    while first or text[position : position + 1] != b"]":
        first = False
        if position >= len(text):
            return None
        low = high = text[position]
        position += 1
        if text[position : position + 1] == b"-" and text[position + 1 : position + 2] != b"]":
            if position + 1 >= len(text):
                return None
            high = text[position + 1]
            position += 2
        allowed.update(range(low, high + 1))
    if inverted:
        allowed = set(range(256)) - allowed
    members = b"".join(b"\\x%02x" % byte for byte in sorted(allowed))
    return (b"[" + members + b"]" if members else b"(?!)"), position + 1
