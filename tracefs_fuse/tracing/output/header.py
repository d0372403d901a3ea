"""What stands above the events in ``trace``: the tracer, how much there is, what the columns are.

Modelled after s_show(), trace_default_header() and print_trace_header() (kernel/trace/trace.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.trace_buffer import TraceBuffer

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

TRACER = "# tracer: nop\n#\n"

_FLAGS = (
    "                                _-----=> irqs-off/BH-disabled",
    "                               / _----=> need-resched",
    "                              | / _---=> hardirq/softirq",
    "                              || / _--=> preempt-depth",
    "                              ||| / _-=> migrate-disable",
    "                              |||| /     delay",
)
"""What the five flag characters of a line mean."""

_TGID_COLUMN = " " * 10
"""What the thread group's column moves the flags by."""

_COLUMNS = {
    (False, False): (
        "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION",
        "#              | |         |         |         |",
    ),
    (False, True): (
        "#           TASK-PID       TGID    CPU#     TIMESTAMP  FUNCTION",
        "#              | |           |       |         |         |",
    ),
    (True, False): (
        "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION",
        "#              | |         |   |||||     |         |",
    ),
    (True, True): (
        "#           TASK-PID       TGID    CPU#  |||||  TIMESTAMP  FUNCTION",
        "#              | |           |       |   |||||     |         |",
    ),
}
"""The two lines that name the columns, by irq-info and record-tgid."""

_LATENCY_COLUMNS = (
    "#                    _------=> CPU#            ",
    "#                   / _-----=> irqs-off/BH-disabled",
    "#                  | / _----=> need-resched    ",
    "#                  || / _---=> hardirq/softirq ",
    "#                  ||| / _--=> preempt-depth   ",
    "#                  |||| / _-=> migrate-disable ",
    "#                  ||||| /     delay           ",
    "#  cmd     pid     |||||| time  |   caller     ",
    "#     \\   /        ||||||  \\    |    /       ",
)


def header_text(array: TraceArray, buffer: TraceBuffer, *, empty: bool, latency: bool) -> str:
    """The lines above the events.

    empty: no event follows.  latency: the format of latency tracers.  Counts are those of all
    CPUs, even if one is listed.
    """
    options = array.options
    if "context-info" not in options:
        return TRACER
    verbose = "verbose" in options
    if latency:
        if empty:
            return TRACER
        legend = () if verbose else _LATENCY_COLUMNS
        return TRACER + _latency_summary(array, buffer) + _lines(legend)
    return TRACER if verbose else TRACER + _counts(array, buffer) + _lines(_legend(array))


def _lines(lines: tuple[str, ...]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _legend(array: TraceArray) -> tuple[str, ...]:
    irq_info, tgid = "irq-info" in array.options, "record-tgid" in array.options
    columns = _COLUMNS[irq_info, tgid]
    if not irq_info:
        return columns
    moved = _TGID_COLUMN if tgid else ""
    return (*(f"#{moved}{line}" for line in _FLAGS), *columns)


def _counts(array: TraceArray, buffer: TraceBuffer) -> str:
    entries, written = buffer.total_entries()
    return (
        f"# entries-in-buffer/entries-written: {entries}/{written}"
        f"   #P:{array.tracing.cpu_count}\n#\n"
    )


def _latency_summary(array: TraceArray, buffer: TraceBuffer) -> str:
    """The box of a latency tracer; the tracer nop measures no latency, so no task is named."""
    tracing = array.tracing
    version = tracing.version
    entries, written = buffer.total_entries()
    return (
        f"# nop latency trace v1.1.5 on {version.release}\n"
        f"# {'-' * 68}\n"
        f"# latency: 0 us, #{entries}/{written}, CPU#0 |"
        f" (M:{version.preemption_model} VP:0, KP:0, SP:0 HP:0 #P:{tracing.cpu_count})\n"
        "#    -----------------\n"
        "#    | task: -0 (uid:0 nice:0 policy:0 rt_prio:0)\n"
        "#    -----------------\n"
        "#\n"
    )
