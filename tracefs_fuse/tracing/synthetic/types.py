"""Types of the fields of synthetic events.

Modelled after synth_field_size(), synth_field_fmt() and synth_field_signed().
"""

from __future__ import annotations

from dataclasses import dataclass

from tracefs_fuse.tracing.field import Kind
from tracefs_fuse.tracing.numbers import parse_unsigned

STATIC_SLOT = 256
"""Bytes that a static string takes in the record, whatever its size."""

SLOT = 8
_MAX_LENGTH_DIGITS = 3
_STACK_FMT = "%s"

_SCALARS = {
    "s64": (8, "%lld"),
    "u64": (8, "%llu"),
    "s32": (4, "%d"),
    "u32": (4, "%u"),
    "s16": (2, "%d"),
    "u16": (2, "%u"),
    "s8": (1, "%d"),
    "u8": (1, "%u"),
    "char": (1, "%d"),
    "unsigned char": (1, "%u"),
    "int": (4, "%d"),
    "unsigned int": (4, "%u"),
    "long": (8, "%ld"),
    "unsigned long": (8, "%lu"),
    "bool": (1, "%d"),
    "pid_t": (4, "%d"),
    "gfp_t": (4, "%x"),
}
"""Size in bytes and print conversion."""


class BadArray(ValueError):
    """The part in brackets is no length that a string may have."""


@dataclass(frozen=True)
class SyntheticType:
    """The type of a field."""

    text: str
    """As ``format`` shows it."""

    size: int
    slot: int
    """Bytes in the record."""

    fmt: str
    kind: Kind

    @property
    def signed(self) -> bool:
        return not self.text.startswith("u") and self.text != "gfp_t"

    @property
    def listed(self) -> str:
        """As ``synthetic_events`` shows it."""
        return self.text.removeprefix("__data_loc ")


def type_of(text: str) -> SyntheticType | None:
    """The type that a definition names, array part included; None for an unknown one.

    Raises BadArray for a string of an impossible length.
    """
    if text in _SCALARS:
        size, fmt = _SCALARS[text]
        return SyntheticType(text, size, SLOT, fmt, Kind.NUMBER)
    if "char[" in text:
        length = _string_length(text.partition("char[")[2])
        if length:
            return SyntheticType(text, length, STATIC_SLOT, "%s", Kind.STATIC_STRING)
        return SyntheticType(f"__data_loc {text}", SLOT, SLOT, "%s", Kind.DYNAMIC_STRING)
    if "long[" in text:
        return SyntheticType(f"__data_loc {text}", SLOT, SLOT, _STACK_FMT, Kind.STACK)
    return None


def _string_length(rest: str) -> int:
    """The number before the closing bracket; 0 for none: a string of any length."""
    digits, bracket, behind = rest.partition("]")
    if not bracket or behind or len(digits) > _MAX_LENGTH_DIGITS:
        raise BadArray(rest)
    if not digits:
        return 0
    try:
        length = parse_unsigned(digits, base0=True)
    except OSError as error:
        raise BadArray(rest) from error
    if length > STATIC_SLOT:
        raise BadArray(rest)
    return length
