"""A sub-buffer ("page") of the ring buffer: how events lie in it.

Modelled after struct buffer_data_page and rb_update_event() (kernel/trace/ring_buffer.c).  A page
begins with a time stamp (8 bytes) and a commit word (8 bytes, see :data:`MISSED_EVENTS`); data
follow.

Event encoding: a 32-bit word holds 5 bits of type_len and 27 bits of time delta (nanoseconds since
the event before it); type_len 1..28 is the payload's length in words, 0 means that a word with the
length follows, 29 is padding, 30 extends the time delta.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PAGE_SIZE = 4096
PAGE_HEADER_SIZE = 16

MISSED_EVENTS = -1 << 31
"""In the commit word: events were overwritten before those of this page."""

MISSED_STORED = 1 << 30
"""In the commit word: how many they were stands behind the data, in 8 bytes."""

MAX_SMALL_WORDS = 28
PADDING, TIME_EXTEND = 29, 30
EXTEND_LENGTH = 8
_MIN_EVENT_LENGTH = 8

WORD = struct.Struct("<I")
TWO_WORDS = struct.Struct("<II")
_HEADER = struct.Struct("<Qq")
_COUNT = struct.Struct("<Q")


@dataclass
class BufferPage:
    """One sub-buffer: the data behind its header."""

    data: bytearray
    time_stamp: int = 0
    commit: int = 0
    """Bytes of valid data."""

    entries: int = 0
    next: BufferPage | None = None
    """The page that was written after this one."""

    dropped: int = 0
    """How often its events were overwritten."""

    end: int = 0
    """Once it is full: where a reader of the whole page finds its last event to end."""

    def fill(self) -> None:
        """rb_reset_tail(): what is left is padding, if it has room for an event.

        When no other page could be had and it is done again, padding is taken for an event.
        """
        self.end = self.commit
        rest = len(self.data) - self.commit
        if rest >= _MIN_EVENT_LENGTH:
            TWO_WORDS.pack_into(self.data, self.commit, 1 << 5 | PADDING, rest - 4)
            self.commit += rest

    def element(self, offset: int) -> tuple[int, int, int]:
        """What lies at an offset: its kind (type_len), its time, and its length in bytes."""
        (word,) = WORD.unpack_from(self.data, offset)
        kind, delta = word & 31, word >> 5
        if 0 < kind <= MAX_SMALL_WORDS:
            return kind, delta, 4 + 4 * kind
        (extra,) = WORD.unpack_from(self.data, offset + 4)
        if kind == TIME_EXTEND:
            return kind, extra << 27 | delta, EXTEND_LENGTH
        return kind, delta, 4 + extra

    def decode(self, offset: int, stamp: int) -> tuple[int, bytes, int] | None:
        """The first event from an offset on: its time stamp, its payload, and where it ends.

        stamp: of the event before.  None when no event follows.
        """
        while offset < self.commit:
            (word,) = WORD.unpack_from(self.data, offset)
            kind = word & 31
            if 0 < kind <= MAX_SMALL_WORDS:
                start = offset + 4
                end = start + 4 * kind
                return stamp + (word >> 5), bytes(self.data[start:end]), end
            kind, time, length = self.element(offset)
            stamp += time
            end = offset + length
            if not kind:
                return stamp, bytes(self.data[offset + 8 : end]), end
            offset = end
        return None


def raw_page(time_stamp: int, data: bytes, size: int, missed: int) -> bytes:
    """A page as programs read it.

    size: of the data area.  missed: events overwritten before those of this page.
    """
    commit, count = len(data), b""
    if missed:
        commit |= MISSED_EVENTS
        if size - len(data) >= _COUNT.size:
            commit |= MISSED_STORED
            count = _COUNT.pack(missed)
    return _HEADER.pack(time_stamp, commit) + (data + count).ljust(size, b"\0")
