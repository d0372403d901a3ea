"""``per_cpu/cpuN/stats``: what became of a CPU's events.

Modelled after tracing_stats_read() (kernel/trace/trace.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.context import microseconds
from tracefs_fuse.tracing.ring_buffer import CpuBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray


def stats_text(array: TraceArray, cpu_buffer: CpuBuffer) -> str:
    """Counters of one CPU's buffer, and times of the instance's clock."""
    stamps = (cpu_buffer.oldest_stamp(), array.clock.read())
    if array.clock.in_ns:
        times = ["{:5}.{:06}".format(*divmod(microseconds(stamp), 1_000_000)) for stamp in stamps]
    else:
        times = [str(stamp) for stamp in stamps]
    lines = (
        ("entries", cpu_buffer.entries),
        ("overrun", cpu_buffer.overrun),
        ("commit overrun", 0),  # a writer interrupts no other writer here
        ("bytes", cpu_buffer.bytes),
        ("oldest event ts", times[0]),
        ("now ts", times[1]),
        ("dropped events", cpu_buffer.dropped),
        ("read events", cpu_buffer.read_events),
    )
    return "".join(f"{name}: {value}\n" for name, value in lines)
