"""The ring buffer: events of one CPU in sub-buffers ("pages"), in the kernel's binary layout.

Modelled after kernel/trace/ring_buffer.c.  A writer fills the tail page; when all pages of the
ring are full the oldest is dropped as a whole (overwrite mode) or the new event is refused.  A
reader swaps the oldest page out of the ring and consumes it event by event; the page that is being
written may be swapped out as well, and is then never overwritten.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tracefs_fuse.tracing.buffer_page import (
    EXTEND_LENGTH,
    MAX_SMALL_WORDS,
    PADDING,
    PAGE_HEADER_SIZE,
    PAGE_SIZE,
    TIME_EXTEND,
    TWO_WORDS,
    WORD,
    BufferPage,
    raw_page,
)

_DELTA_LIMIT = 1 << 27


class Entry(NamedTuple):
    """One recorded event as a reader gets it."""

    time_stamp: int
    record: bytes
    """Payload, padded to words."""

    cpu: int = 0
    lost: int = 0
    """Events overwritten between this one and the one read before it; -1 when nobody counted."""


@dataclass(frozen=True)
class Written:
    """Where an event is that may yet be discarded."""

    page: BufferPage
    start: int
    end: int
    stamp: int
    """Time stamp of the event before it."""


@dataclass
class Reader:
    """How far the reader page has been consumed."""

    page: BufferPage
    offset: int = 0
    stamp: int = 0
    found: tuple[int, bytes, int] | None = None
    """The event at the offset, once it was looked at; see :meth:`BufferPage.decode`."""


@dataclass
class CpuBuffer:
    """The ring of one CPU.  Sizes in bytes, times in the instance's trace clock."""

    cpu: int
    page_count: int
    data_size: int = PAGE_SIZE - PAGE_HEADER_SIZE
    overwrite: bool = True
    overrun: int = 0
    dropped: int = 0
    read_events: int = 0
    entries: int = 0
    """Unread events."""

    last_stamp: int = 0
    _ring: deque[BufferPage] = field(default_factory=deque)
    _reader: Reader | None = None
    _tail: BufferPage | None = None
    data: bytearray = field(default_factory=bytearray)
    """Of the page that is written."""

    changes: int = 0
    """Counter of reads, and of times that a partly read buffer was emptied."""

    resets: int = 0
    """Counter of times that the buffer was emptied."""

    lookers: int = 0
    """Open files that show events without taking them: the buffer keeps its size."""

    _seen_overrun: int = 0
    _lost: int = 0
    """Events overwritten before the next one, and not yet told to a reader."""

    # -- writing ---------------------------------------------------------------------------

    def write(self, now: int, record: bytes) -> bool:
        """Add an event; False when it is refused (buffer full without overwrite, too long)."""
        words = payload_words(len(record))
        at = self.reserve_words(now, words)
        if not at:
            return False
        self.data[at : at + 4 * words] = record.ljust(4 * words, b"\0")
        return True

    def reserve_words(self, now: int, words: int) -> int:
        """__rb_reserve_next(): make room for a payload, see :func:`payload_words`.

        Returns where in :attr:`data` it is to be put; 0 when the event is refused.
        """
        tail, delta = self._tail, now - self.last_stamp
        if tail is not None and 0 <= delta < _DELTA_LIMIT and words <= MAX_SMALL_WORDS:
            at = tail.commit
            end = at + 4 + 4 * words
            if end <= self.data_size:
                WORD.pack_into(tail.data, at, delta << 5 | words)
                tail.commit = end
                tail.entries += 1
                self.entries += 1
                self.last_stamp = now
                return at + 4
        return self._reserve_with_extras(now, words)

    def _reserve_with_extras(self, now: int, words: int) -> int:
        """The same for events that need a new page, a time extend or a word for their length."""
        length = 4 + 4 * words if words <= MAX_SMALL_WORDS else 8 + 4 * words
        if length > self.data_size:
            return 0
        tail = self._tail
        delta = now - self.last_stamp
        extended = delta >= _DELTA_LIMIT
        if (
            tail is None
            or tail.commit + length + (EXTEND_LENGTH if extended else 0) > self.data_size
        ):
            tail = self._next_page(now)
            if tail is None:
                self.dropped += 1
                return 0
            delta, extended = 0, False
        elif delta < 0:
            delta, now = 0, self.last_stamp
        at = tail.commit
        if extended:
            low = delta & (_DELTA_LIMIT - 1)
            TWO_WORDS.pack_into(tail.data, at, low << 5 | TIME_EXTEND, delta >> 27)
            at += EXTEND_LENGTH
            delta = 0
        if words <= MAX_SMALL_WORDS:
            WORD.pack_into(tail.data, at, delta << 5 | words)
            start = at + 4
        else:
            TWO_WORDS.pack_into(tail.data, at, delta << 5, 4 * words + 4)
            start = at + 8
        end = at + length
        tail.commit = end
        tail.entries += 1
        self.entries += 1
        self.last_stamp = now
        return start

    def reserve(self, now: int, record: bytes) -> Written | None:
        """Add an event that may be discarded; None when it is refused."""
        before, start, stamp = self._tail, 0, self.last_stamp
        if before is not None:
            start = before.commit
        if not self.write(now, record):
            return None
        page = self._tail
        assert page is not None
        if page is not before:
            start, stamp = 0, page.time_stamp
        return Written(page, start, page.commit, stamp)

    def discard(self, written: Written) -> None:
        """ring_buffer_discard_commit(): take an event back; others may have been added behind."""
        page = written.page
        page.entries -= 1
        self.entries -= 1
        if page is self._tail and page.commit == written.end:
            page.commit = written.start
            self.last_stamp = written.stamp
        else:
            at = written.start
            (word,) = WORD.unpack_from(page.data, at)
            if word & 31 == TIME_EXTEND:
                at += EXTEND_LENGTH
                (word,) = WORD.unpack_from(page.data, at)
            delta = word >> 5 or 1
            TWO_WORDS.pack_into(page.data, at, delta << 5 | PADDING, written.end - at - 4)

    def _next_page(self, now: int) -> BufferPage | None:
        """rb_move_tail(): the page that the tail moves to; None when the ring is full."""
        page = None
        if self._tail is not None:
            self._tail.fill()
        if len(self._ring) >= self.page_count:
            if not self.overwrite:
                return None
            page = self._drop_oldest()
        if page is None or len(page.data) != self.data_size:
            page = BufferPage(bytearray(self.data_size))
        page.time_stamp, page.commit, page.entries = now, 0, 0
        page.next = None
        if self._tail is not None:
            self._tail.next = page
        self._ring.append(page)
        self._tail, self.data = page, page.data
        return page

    def _drop_oldest(self) -> BufferPage:
        page = self._ring.popleft()
        page.dropped += 1
        self.overrun += page.entries
        self.entries -= page.entries
        return page

    # -- reading ---------------------------------------------------------------------------

    def __iter__(self) -> BufferIterator:
        """The unread events, oldest first, without consuming them."""
        return BufferIterator(self)

    def oldest(self) -> Reader | None:
        """Where the unread events begin; None when there are no pages."""
        if self._reader is not None:
            return Reader(self._reader.page, self._reader.offset, self._reader.stamp)
        return Reader(self._ring[0], 0, self._ring[0].time_stamp) if self._ring else None

    def page_behind(self, page: BufferPage) -> BufferPage | None:
        """The page whose events follow those of another; None behind the one that is written."""
        if self._reader is not None and page is self._reader.page:
            return self._ring[0] if self._ring else None
        return page.next

    @property
    def tail_bytes(self) -> int:
        """Bytes of events on the page that is written."""
        return self._tail.commit if self._tail is not None else 0

    def peek(self) -> Entry | None:
        """The oldest unread event, or None."""
        found = self._next_unread()
        if found is None:
            return None
        stamp, record, _ = found
        return Entry(stamp, record, self.cpu, self._lost)

    def consume(self) -> None:
        """Take away the event that :meth:`peek` has shown."""
        reader = self._reader
        if reader is None or reader.found is None:
            return
        reader.stamp, _, reader.offset = reader.found
        reader.found = None
        self.read_events += 1
        self.entries -= 1
        self.changes += 1
        self._lost = 0

    def read_page(self, count: int, *, full: bool = False) -> bytes | None:
        """ring_buffer_read_page(): take events away, as a page of which ``count`` bytes are asked.

        A full page of which nothing was read comes as it is; of others, the events that fit.
        full: nothing but a full page will do.  None when there is nothing to take.
        """
        if self._next_unread() is None or self._reader is None:
            return None
        reader, room = self._reader, count - PAGE_HEADER_SIZE
        reader.found = None
        page, start, stamp = reader.page, reader.offset, reader.stamp
        if start or page is self._tail or room < page.commit:
            taken = 0 if full else self._take(reader, room)
            if reader.offset == start:
                return None
            data = page.data[start : reader.offset]
        else:
            reader.offset, taken = page.commit, page.entries
            data = page.data[: page.end]
        self.read_events += taken
        self.entries -= taken
        self.changes += 1
        missed, self._lost = self._lost, 0
        return raw_page(stamp, bytes(data), self.data_size, missed)

    @staticmethod
    def _take(reader: Reader, room: int) -> int:
        """Move a reader behind the events that fit into so many bytes; how many they are."""
        page, start, stamp, taken = reader.page, reader.offset, reader.stamp, 0
        at = start
        while at < page.commit:
            kind, time, length = page.element(at)
            at += length
            stamp += time
            if kind == TIME_EXTEND:  # counts with the event behind it
                continue
            if at - start > room:
                break
            reader.offset, reader.stamp = at, stamp
            taken += kind <= MAX_SMALL_WORDS
        return taken

    def _next_unread(self) -> tuple[int, bytes, int] | None:
        """rb_get_reader_page(): pages are swapped out of the ring until one has unread events."""
        while True:
            reader = self._reader
            if reader is not None:
                if reader.found is None:
                    reader.found = reader.page.decode(reader.offset, reader.stamp)
                if reader.found is not None:
                    return reader.found
                if reader.page is self._tail:
                    return None
                reader.offset = reader.page.commit
            if not self._ring:
                return None
            page = self._ring.popleft()
            self._reader = Reader(page, 0, page.time_stamp)
            if self.overrun != self._seen_overrun:
                self._lost = self.overrun - self._seen_overrun
                self._seen_overrun = self.overrun

    def oldest_stamp(self) -> int:
        """rb_oldest_event(): the time stamp of the oldest page; 0 when nothing was written."""
        if self._ring:
            return self._ring[0].time_stamp
        return self._reader.page.time_stamp if self._reader is not None else 0

    # -- control ---------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        """Bytes of unread events with their headers."""
        reader = self._reader
        left = reader.page.commit - reader.offset if reader is not None else 0
        return left + sum(page.commit for page in self._ring)

    def reset(self) -> None:
        """Drop everything, counters too."""
        self.resets += 1
        self.changes += self.read_events > 0
        self._ring.clear()
        self._reader = self._tail = None
        self.overrun = self.dropped = self.read_events = 0
        self._seen_overrun = self._lost = 0
        self.entries = self.last_stamp = 0

    def resize(self, page_count: int) -> None:
        """Change the number of pages; the oldest are dropped when they no longer fit."""
        self.page_count = page_count
        while len(self._ring) > page_count:
            self._drop_oldest()

    @property
    def page_size(self) -> int:
        """Bytes of a page with its header."""
        return PAGE_HEADER_SIZE + self.data_size

    @property
    def is_read_while_written(self) -> bool:
        """A reader holds the page that is written."""
        return self._reader is not None and self._reader.page is self._tail

    def is_full_by(self, percent: int) -> bool:
        """full_hit(): so much of the ring is filled; the page that is written counts."""
        dirty = max(1, len(self._ring))
        return dirty * 100 >= percent * self.page_count

    @property
    def size(self) -> int:
        """Bytes of data that the ring holds."""
        return self.page_count * self.data_size


class BufferIterator:
    """struct ring_buffer_iter: goes through events that stay, and on to those that come later.

    It starts again with the oldest event when events are read from the buffer, or when the page
    that it is on is overwritten.  It does not notice that the buffer is emptied: it stays at its
    place in the page until events fill the page beyond it, and starts again then.
    """

    def __init__(self, ring: CpuBuffer) -> None:
        self._ring = ring
        self._start()

    def _start(self) -> None:
        self._at = self._ring.oldest()
        self._changes, self._resets = self._ring.changes, self._ring.resets
        self._dropped = self._at.page.dropped if self._at is not None else 0
        self._found: Entry | None = None

    @property
    def cpu(self) -> int:
        return self._ring.cpu

    def __iter__(self) -> BufferIterator:
        return self

    def __next__(self) -> Entry:
        entry = self.peek()
        if entry is None:
            raise StopIteration
        self.advance()
        return entry

    def peek(self) -> Entry | None:
        """The event to come; None as long as there is none."""
        ring, lost = self._ring, 0
        if self._at is None or self._changes != ring.changes:
            self._start()
        elif self._resets != ring.resets:
            if self._at.offset >= ring.tail_bytes:
                return None
            lost = -1 if self._at.offset else 0
            self._start()
        elif self._dropped != self._at.page.dropped:
            self._start()
            lost = -1
        if self._found is None and self._at is not None:
            self._found = self._find(self._at, lost)
        return self._found

    def _find(self, at: Reader, lost: int) -> Entry | None:
        ring = self._ring
        while (found := at.page.decode(at.offset, at.stamp)) is None:
            page = ring.page_behind(at.page)
            if page is None:
                return None
            at.page, at.offset, at.stamp, self._dropped = page, 0, page.time_stamp, page.dropped
        at.stamp, record, at.offset = found
        return Entry(at.stamp, record, ring.cpu, lost)

    def advance(self) -> None:
        """Go behind the event that :meth:`peek` shows."""
        self._found = None


def payload_words(size: int) -> int:
    """How many words of a page an event's payload of so many bytes takes."""
    words = (size + 3) >> 2 or 1
    return 3 if words == 2 else words  # a total of 12 bytes can't be turned into a time extend
