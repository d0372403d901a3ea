"""The ring buffer: what is kept, dropped, counted, and in which order it comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefs_fuse.tracing.ring_buffer import CpuBuffer, Entry
from tracefs_fuse.tracing.trace_buffer import TraceBuffer

SCAN_PMD_INJECTED = 41
"""Bytes of an injected mm_khugepaged_scan_pmd record."""


def padded(record: bytes) -> bytes:
    words = max(1, -(-len(record) // 4))
    return record.ljust(4 * (3 if words == 2 else words), b"\0")


def test_overwriting_drops_whole_pages() -> None:
    """The counts that a kernel showed for 400 events in a buffer of two pages."""
    buffer = CpuBuffer(0, page_count=2)
    for moment in range(400):
        assert buffer.write(moment, bytes(SCAN_PMD_INJECTED))
    assert (buffer.entries, buffer.overrun, buffer.bytes) == (145, 255, 6960)
    assert [entry.time_stamp for entry in buffer] == list(range(255, 400))


def test_without_overwrite_new_events_are_refused() -> None:
    buffer = CpuBuffer(0, page_count=2, overwrite=False)
    taken = [buffer.write(moment, bytes(SCAN_PMD_INJECTED)) for moment in range(200)]
    assert taken == [True] * 170 + [False] * 30
    assert (buffer.entries, buffer.overrun, buffer.dropped) == (170, 0, 30)


def test_reader_is_told_what_it_missed() -> None:
    buffer = CpuBuffer(0, page_count=2)
    for moment in range(400):
        buffer.write(moment, bytes(SCAN_PMD_INJECTED))
    first = buffer.peek()
    assert first is not None
    assert (first.time_stamp, first.lost) == (255, 255)
    buffer.consume()
    second = buffer.peek()
    assert second is not None
    assert (second.time_stamp, second.lost) == (256, 0)


def test_page_of_the_reader_is_never_overwritten() -> None:
    buffer = CpuBuffer(0, page_count=2)
    buffer.write(0, b"kept")
    assert buffer.peek() is not None
    for moment in range(1, 1000):
        buffer.write(moment, bytes(SCAN_PMD_INJECTED))
    oldest = buffer.peek()
    assert oldest is not None
    assert oldest.record == b"kept"


@given(
    st.lists(
        st.tuples(st.integers(0, 1 << 40), st.binary(max_size=300), st.booleans()), max_size=200
    )
)
def test_what_goes_in_comes_out(steps: list[tuple[int, bytes, bool]]) -> None:
    """Events come back in order with their times, whatever was consumed in between."""
    buffer = CpuBuffer(0, page_count=100)
    written: list[Entry] = []
    now = consumed = 0
    for pause, record, consume in steps:
        now += pause
        assert buffer.write(now, record)
        written.append(Entry(now, padded(record)))
        if consume:
            assert buffer.peek() == written[consumed]
            buffer.consume()
            consumed += 1
    assert list(buffer) == written[consumed:]
    assert (buffer.entries, buffer.read_events) == (len(written) - consumed, consumed)
    while buffer.peek() is not None:
        buffer.consume()
    assert (buffer.entries, buffer.bytes) == (0, 0)


@given(st.lists(st.integers(0, 3), max_size=300), st.integers(2, 5))
def test_entries_and_overrun_add_up(cpus: list[int], pages: int) -> None:
    buffer = TraceBuffer(4, pages * 4080)
    for moment, cpu in enumerate(cpus):
        buffer.cpus[cpu].write(moment, bytes(500))
    assert buffer.total_entries()[1] == len(cpus)
    for ring in buffer.cpus:
        times = [entry.time_stamp for entry in ring]
        assert times == sorted(times)
        assert len(times) == ring.entries


def test_too_long_a_record_is_refused() -> None:
    buffer = CpuBuffer(0, page_count=2)
    assert buffer.write(0, bytes(4072))
    assert not buffer.write(1, bytes(4073))
    assert buffer.entries == 1


@pytest.mark.parametrize(("pages", "kept"), [(8, 300), (2, 130)])
def test_resizing_keeps_the_newest(pages: int, kept: int) -> None:
    buffer = CpuBuffer(0, page_count=4)
    for moment in range(300):
        buffer.write(moment, bytes(SCAN_PMD_INJECTED))
    buffer.resize(pages)
    assert [entry.time_stamp for entry in buffer] == list(range(300))[-kept:]
