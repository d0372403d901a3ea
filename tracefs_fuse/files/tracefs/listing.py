"""The order in which folders list their entries, as each kernel version makes them.

Plain folders of tracefs list the newest entry first.  After 6.1 ``events`` is different
(fs/tracefs/event_inode.c): it lists the oldest first, and its folders count no links.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tracefs_fuse.files.node import Node

FTRACE = """
    function funcgraph_entry funcgraph_exit context_switch wakeup kernel_stack user_stack bprint
    print raw_data bputs mmiotrace_rw mmiotrace_map branch hwlat func_repeats osnoise timerlat
"""
"""The order in which ``events/ftrace`` of an instance is made; the top level's is the reverse."""


@dataclass(frozen=True)
class Listing:
    """The orders of one kernel version: names of entries, with blanks between."""

    top: str
    instance: str
    event: str
    """Of an event's own folder."""

    event_of_ftrace: str
    """Of a folder in ``events/ftrace``."""

    events: str
    """The order in which the files of ``events`` are made."""

    eventfs: bool = True


_6_12 = Listing(
    top="""
        instances saved_tgids saved_cmdlines_size saved_cmdlines README tracing_thresh
        set_ftrace_notrace set_ftrace_filter set_ftrace_notrace_pid set_ftrace_pid per_cpu error_log
        snapshot tracing_max_latency options buffer_subbuf_size_kb buffer_percent timestamp_mode
        tracing_on trace_clock trace_marker_raw trace_marker free_buffer buffer_total_size_kb
        buffer_size_kb trace_pipe trace trace_options tracing_cpumask current_tracer
        available_tracers set_event_notrace_pid set_event_pid events set_event available_events
        dynamic_events synthetic_events printk_formats
    """,
    instance="""
        set_ftrace_notrace_pid set_ftrace_pid per_cpu error_log snapshot set_ftrace_notrace
        set_ftrace_filter tracing_max_latency options buffer_subbuf_size_kb buffer_percent
        timestamp_mode tracing_on trace_clock trace_marker_raw trace_marker free_buffer
        buffer_total_size_kb buffer_size_kb trace_pipe trace trace_options tracing_cpumask
        current_tracer available_tracers set_event_notrace_pid set_event_pid events set_event
    """,
    event="enable filter trigger format id hist inject",
    event_of_ftrace="trigger format id hist inject",
    events="enable header_page header_event",
)
_6_1 = replace(
    _6_12,
    event="inject format hist trigger filter id enable",
    event_of_ftrace="trigger inject format hist id",
    eventfs=False,
)
_7_3 = Listing(
    top="""
        instances saved_tgids saved_cmdlines_size saved_cmdlines README tracing_thresh
        set_ftrace_notrace set_ftrace_filter set_ftrace_notrace_pid set_ftrace_pid error_log
        snapshot tracing_max_latency tracing_on syscall_user_buf_size buffer_percent
        trace_marker_raw trace_marker free_buffer per_cpu options buffer_subbuf_size_kb
        timestamp_mode trace_clock buffer_total_size_kb buffer_size_kb trace_pipe trace
        trace_options tracing_cpumask current_tracer available_tracers dynamic_events
        synthetic_events events set_event_notrace_pid set_event_pid show_event_triggers
        show_event_filters set_event available_events printk_formats
    """,
    instance="""
        set_ftrace_notrace_pid set_ftrace_pid error_log snapshot set_ftrace_notrace
        set_ftrace_filter tracing_max_latency tracing_on syscall_user_buf_size buffer_percent
        trace_marker_raw trace_marker free_buffer per_cpu options buffer_subbuf_size_kb
        timestamp_mode trace_clock buffer_total_size_kb buffer_size_kb trace_pipe trace
        trace_options tracing_cpumask current_tracer available_tracers events set_event_notrace_pid
        set_event_pid show_event_triggers show_event_filters set_event
    """,
    event="format id btf_ids enable filter trigger hist inject",
    event_of_ftrace="format id trigger hist inject",
    events="header_page header_event enable",
)
LISTINGS = {"6.1": _6_1, "6.12": _6_12, "6.18": _6_12, "7.3": _7_3}


def listed(entries: dict[str, Node], order: str) -> dict[str, Node]:
    """Entries in an order, which has a place for each of them."""
    places = {name: place for place, name in enumerate(order.split())}
    return dict(sorted(entries.items(), key=lambda entry: places[entry[0]]))


def newest_first(entries: dict[str, Node]) -> dict[str, Node]:
    """Entries that are in the order of their making, as a plain folder lists them."""
    return dict(reversed(entries.items()))
