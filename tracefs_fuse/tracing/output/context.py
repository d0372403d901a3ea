"""The front part of an event's line: task, CPU, flags and time.

Modelled after trace_print_context() and trace_print_lat_context() (kernel/trace/trace_output.c).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.event import COMMON

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray
    from tracefs_fuse.tracing.versions import KernelVersion

Timed = Callable[[int, int, int], str]
"""The text before an event: of its time stamp, its number in the listing, and the time stamp of the
event behind it (its own for the last one)."""

Context = Callable[[int, bytes], Timed]
"""What stands before the events of a CPU whose records begin with such a header."""

_BINARY = struct.Struct("<iiQ")
_U32 = (1 << 32) - 1

_IRQS_OFF, _LAZY, _NEED_RESCHED, _HARDIRQ, _SOFTIRQ, _PREEMPT_RESCHED, _NMI, _BH_OFF = (
    1 << bit for bit in range(8)
)
_NO_IRQ_INFO = _LAZY
"""What the bit meant before lazy preemption."""

_NEED_RESCHED_LETTERS = {
    _NEED_RESCHED | _PREEMPT_RESCHED | _LAZY: "B",
    _NEED_RESCHED | _PREEMPT_RESCHED: "N",
    _LAZY | _PREEMPT_RESCHED: "L",
    _LAZY | _NEED_RESCHED: "b",
    _NEED_RESCHED: "n",
    _LAZY: "l",
    _PREEMPT_RESCHED: "p",
    0: ".",
}
_INTERRUPT_LETTERS = {
    _NMI | _HARDIRQ | _SOFTIRQ: "Z",
    _NMI | _HARDIRQ: "Z",
    _NMI | _SOFTIRQ: "z",
    _NMI: "z",
    _HARDIRQ | _SOFTIRQ: "H",
    _HARDIRQ: "h",
    _SOFTIRQ: "s",
    0: ".",
}
_IRQS_LETTERS = {_IRQS_OFF | _BH_OFF: "D", _IRQS_OFF: "d", _BH_OFF: "b", 0: "."}

_MARKS = (
    (1_000_000_000, "$"),
    (100_000_000, "@"),
    (10_000_000, "*"),
    (1_000_000, "#"),
    (100_000, "!"),
    (10_000, "+"),
)
"""Nanoseconds to the next event that are exceeded, longest first, and how a line shows it."""


def context_of(array: TraceArray, start: int, *, latency: bool) -> Context:
    """The instance's context, made for its present options.

    start: trace clock when the buffer was last emptied.
    """
    return _latency_context(array, start) if latency else _default_context(array)


def microseconds(nanoseconds: int) -> int:
    """ns2usecs(): rounded half up."""
    return (nanoseconds + 500) // 1000


def flags_text(version: KernelVersion, flags: int, preempt_count: int) -> str:
    """The five characters of irqs, need-resched, interrupt, preempt and migrate-disable depth."""
    irqs = _IRQS_LETTERS[flags & (_IRQS_OFF | _BH_OFF)]
    resched = flags & (_NEED_RESCHED | _PREEMPT_RESCHED | _LAZY)
    if not version.lazy_preemption:
        if irqs == "." and flags & _NO_IRQ_INFO:
            irqs = "X"
        resched &= ~_LAZY
    interrupt = flags & (_NMI | _HARDIRQ | _SOFTIRQ)
    depths = (f"{depth:x}" if depth else "." for depth in (preempt_count & 15, preempt_count >> 4))
    return f"{irqs}{_NEED_RESCHED_LETTERS[resched]}{_INTERRUPT_LETTERS[interrupt]}{''.join(depths)}"


def _default_context(array: TraceArray) -> Context:
    version, cmdlines = array.tracing.version, array.tracing.cmdlines
    irq_info, show_tgid = "irq-info" in array.options, "record-tgid" in array.options
    in_ns = array.clock.in_ns

    def context(cpu: int, header: bytes) -> Timed:
        _, flags, preempt_count, pid = COMMON.unpack_from(header)
        front = f"{cmdlines.comm_of(pid):>16}-{pid:<7} "
        if show_tgid:
            tgid = cmdlines.tgid_of(pid)
            front += "(-------) " if tgid is None else f"({tgid:7}) "
        front += f"[{cpu:03}] "
        if irq_info:
            front += flags_text(version, flags, preempt_count)

        def timed(stamp: int, number: int, next_stamp: int) -> str:
            if not in_ns:
                return f"{front} {stamp:12}: "
            micros = (stamp + 500) // 1000
            return f"{front} {micros // 1_000_000:5}.{micros % 1_000_000:06}: "

        return timed

    return context


def _latency_context(array: TraceArray, start: int) -> Context:
    verbose = "verbose" in array.options
    version, cmdlines = array.tracing.version, array.tracing.cmdlines
    in_ns = array.clock.in_ns

    def context(cpu: int, header: bytes) -> Timed:
        _, flags, preempt_count, pid = COMMON.unpack_from(header)
        comm, letters = cmdlines.comm_of(pid), flags_text(version, flags, preempt_count)

        def timed(stamp: int, number: int, next_stamp: int) -> str:
            since, following = stamp - start, next_stamp - stamp
            if verbose:
                front = f"{comm:>16} {pid:7} {cpu:3} {flags} {preempt_count:08x} {number:08x} "
            else:
                front = f"{comm[:8]:>8}-{pid:<7} {cpu:3}{letters}"
            if verbose and in_ns:
                time = f"[{microseconds(stamp):08x}] {_millis(since)}ms (+{_millis(following)}ms): "
            elif verbose:
                time = f"[{stamp:016x}] {since} (+{following}): "
            elif in_ns:
                nanoseconds = microseconds(following) * 1000
                mark = next((mark for limit, mark in _MARKS if nanoseconds > limit), " ")
                time = f" {microseconds(since):4}us{mark}: "
            else:
                time = f" {since:4}: "
            return front + time

        return timed

    return context


def _millis(nanoseconds: int) -> str:
    return "{}.{:03}".format(*divmod(microseconds(nanoseconds), 1000))


def no_context(cpu: int, header: bytes) -> Timed:
    return lambda stamp, number, next_stamp: ""


# -- formats for programs ----------------------------------------------------------------------


def binary_context(cpu: int, header: bytes) -> Timed:
    pid = _pid(header)
    return lambda stamp, number, next_stamp: _BINARY.pack(pid, cpu, stamp).decode("latin-1")


def hex_context(cpu: int, header: bytes) -> Timed:
    pid = _pid(header) & _U32
    return lambda stamp, number, next_stamp: f"{pid:08x} {cpu:08x} {stamp:016x} "


def raw_context(cpu: int, header: bytes) -> Timed:
    pid = _pid(header)
    return lambda stamp, number, next_stamp: f"{pid} {cpu} {stamp} "


def _pid(header: bytes) -> int:
    pid: int = COMMON.unpack_from(header)[3]
    return pid
