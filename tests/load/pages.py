"""Reads what ``trace_pipe_raw`` gives, as events/header_page and header_event describe it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

PAGE_SIZE = 4096
_HEADER = struct.Struct("<QQ")
_WORD = struct.Struct("<I")
_COUNT = struct.Struct("<Q")
_COMMIT = (1 << 30) - 1
_STORED, _MISSED = 1 << 30, 1 << 31
_LONGEST_SMALL, _PADDING, _TIME_EXTEND = 28, 29, 30


class Torn(Exception):
    """The page is not what the headers say."""


@dataclass(frozen=True)
class Page:
    """A sub-buffer."""

    records: list[bytes]
    missed: int
    """Records lost before these; -1 when nobody says how many."""


def read_page(page: bytes) -> Page:
    """Take a page apart.  Raises Torn."""
    if len(page) != PAGE_SIZE:
        raise Torn(f"{len(page)} bytes")
    _, commit = _HEADER.unpack_from(page)
    end = _HEADER.size + (commit & _COMMIT)
    if not _HEADER.size < end <= PAGE_SIZE:
        raise Torn(f"commit {commit:#x}")
    missed = 0
    if commit & _MISSED:
        missed = _COUNT.unpack_from(page, end)[0] if commit & _STORED else -1
    return Page(_records(page, end), missed)


def _records(page: bytes, end: int) -> list[bytes]:
    records, at = [], _HEADER.size
    while at < end:
        kind = _WORD.unpack_from(page, at)[0] & 31
        start = at + 4
        if kind == _TIME_EXTEND:
            at += 8
        elif 0 < kind <= _LONGEST_SMALL:
            at = start + 4 * kind
            records.append(page[start:at])
        elif kind in (0, _PADDING):
            at = start + _WORD.unpack_from(page, start)[0]
            if kind == 0:
                records.append(page[start + 4 : at])
        else:
            raise Torn(f"type {kind} at {at}")
    if at != end:
        raise Torn(f"the last record ends at {at}, not at {end}")
    return records
