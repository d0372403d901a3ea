"""Numbered and checksummed markers: whose one is, which one, and whether it is whole."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field

_TEXT = re.compile(rb"((\d+):(\d+):[a-z]*):([0-9a-f]{8})")
_RAW_HEAD, _RAW_TAIL = struct.Struct("<IIH"), struct.Struct("<I")
_LETTERS = bytes(range(ord("a"), ord("z") + 1)) * 160

SHORTEST_TEXT = 32
SHORTEST_RAW = _RAW_HEAD.size + _RAW_TAIL.size

END = b"that is all"
"""The marker behind the last one of a CPU."""


def text_marker(writer: int, number: int, size: int) -> bytes:
    """A marker for ``trace_marker`` of so many bytes."""
    head = b"%d:%d:" % (writer, number)
    start = number % 26
    whole = head + _LETTERS[start : start + max(0, size - len(head) - 9)]
    return b"%s:%08x" % (whole, zlib.crc32(whole))


def raw_marker(writer: int, number: int, size: int) -> bytes:
    """A marker for ``trace_marker_raw`` of so many bytes."""
    start = number % 26
    filler = _LETTERS[start : start + size - SHORTEST_RAW]
    whole = _RAW_HEAD.pack(writer, number, size) + filler
    return whole + _RAW_TAIL.pack(zlib.crc32(whole))


def read_text(text: bytes) -> tuple[int, int] | None:
    """Writer and number; None unless the marker is whole."""
    found = _TEXT.fullmatch(text)
    if found is None or zlib.crc32(found[1]) != int(found[4], 16):
        return None
    return int(found[2]), int(found[3])


def read_raw(data: bytes) -> tuple[int, int] | None:
    """Writer and number of a marker with padding behind it; None unless it is whole."""
    if len(data) < SHORTEST_RAW:
        return None
    writer, number, size = _RAW_HEAD.unpack_from(data)
    end = size - _RAW_TAIL.size
    if not SHORTEST_RAW <= size <= len(data):
        return None
    (checksum,) = _RAW_TAIL.unpack_from(data, end)
    return (writer, number) if zlib.crc32(data[:end]) == checksum else None


@dataclass
class Ledger:
    """What readers got, by writer."""

    last: dict[int, int] = field(default_factory=dict)
    read: Counter[int] = field(default_factory=Counter)
    others: int = 0
    """Records that are no markers."""

    lost: int = 0
    """Records that the readers were told to be lost."""

    lost_uncounted: int = 0
    """How often they were told that some are, but not how many."""

    faults: list[str] = field(default_factory=list)

    def add(self, marker: tuple[int, int] | None, source: bytes) -> None:
        """Note a marker.  source: what it was read from, told when it is torn."""
        if marker is None:
            self.faults.append(f"torn: {source!r}")
            return
        writer, number = marker
        if number <= self.last.get(writer, -1):
            self.faults.append(f"writer {writer}: {number} after {self.last[writer]}")
        self.last[writer] = number
        self.read[writer] += 1
