"""The ``trace`` file: a header and the events, which stay in the buffer.

Modelled after tracing_open() and s_show() (kernel/trace/trace.c).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.header import header_text
from tracefs_fuse.tracing.output.line import limited, line_of
from tracefs_fuse.tracing.ring_buffer import CpuBuffer, Entry, TraceBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_PIECE = 64
"""Lines that are made at a time."""

_PLAIN_FORMATS = frozenset({"bin", "hex", "raw"})
"""Options whose formats have no line for the start of a CPU's buffer."""


def trace_text(array: TraceArray, buffer: TraceBuffer, cpus: Sequence[CpuBuffer]) -> Iterator[str]:
    """The file in pieces; which events it shows is settled when the first piece is made."""
    entries = list(buffer.merged(cpus))
    yield header_text(array, buffer, empty=not entries)
    line = line_of(array, buffer.start, latency="latency-format" in array.options)
    starts = _buffer_starts(array, buffer, entries)
    stamps = [entry.time_stamp for entry in entries]
    stamps.append(stamps[-1] if stamps else 0)
    size = array.tracing.version.line_buffer_size
    for first in range(0, len(entries), _PIECE):
        numbers = range(first, min(first + _PIECE, len(entries)))
        yield "".join(
            [starts.get(n, "") + limited(line(entries[n], n, stamps[n + 1]), size) for n in numbers]
        )


def _buffer_starts(
    array: TraceArray, buffer: TraceBuffer, entries: Sequence[Entry]
) -> dict[int, str]:
    """test_cpu_buff_start(): once events were lost, the lines that stand before the first event of
    each CPU, by that event's number; none before the very first."""
    options = array.options
    if "annotate" not in options or not buffer.overrun:
        return {}
    if any(name in options for name in _PLAIN_FORMATS):
        return {}
    firsts: dict[int, int] = {}
    for number, entry in enumerate(entries):
        firsts.setdefault(entry.cpu, number)
        if len(firsts) == len(buffer.cpus):
            break
    return {
        number: f"##### CPU {cpu} buffer started ####\n"
        for cpu, number in firsts.items()
        if number > 1
    }
