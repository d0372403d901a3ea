"""Addresses of kernel functions that traces mention, and their names.

Modelled after sprint_symbol() (kernel/kallsyms.c).  The addresses are made up, and the same in
each lab.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right

_MARKER = "tracing_mark_write"

_TEXT_START = 0xFFFFFFFF81000000


def _stacks() -> dict[str, tuple[str, ...]]:
    return {}


_SYMBOLS = {_MARKER: (_TEXT_START, 0x2B0)}
MARKER_ADDRESS = _TEXT_START


def symbol_name(address: int) -> str:
    return _MARKER if address == MARKER_ADDRESS else f"0x{address:x}"


def symbol(address: int) -> str:
    return symbol_name(address)


def stack_of(event: str) -> tuple[int, ...]:
    return ()
