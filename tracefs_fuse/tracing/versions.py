"""What differs between kernel versions in the tracing core, as data.

The events' own differences (fields, print formats) are in :mod:`tracefs_fuse.tracing.events`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class KernelVersion:
    """Named switches for the behaviours of one kernel version."""

    name: str
    release: str
    """The point release and the name of the build, as ``uname -r`` tells it."""

    preemption_model: str
    """The word after ``M:`` in the latency header."""

    marker_preempt_count: int
    """common_preempt_count of a record that a write to trace_marker makes."""

    synthetic_preempt_count: int
    """common_preempt_count of a synthetic event that a hist trigger generates, for each one that
    is being generated at the same time."""

    first_dynamic_id: int
    """The lowest event id that synthetic events get."""

    has_graph_retaddr: bool
    """One more fixed ftrace entry (id 12), which moves the following ids."""

    options: tuple[str, ...]
    """The trace options in the order of trace_options."""

    char_is_unsigned: bool
    """``format`` shows fields of plain char type as unsigned."""

    overwrite_field: tuple[str, int, int]
    """Type, size and signedness of ``overwrite`` in events/header_page."""

    has_subbuf_size: bool
    """buffer_subbuf_size_kb exists."""

    cpu_buffer_size_mode: int
    """Permission bits of a CPU's buffer_size_kb."""

    has_show_event_files: bool
    """show_event_filters and show_event_triggers exist."""

    has_copy_trace_marker: bool
    """A marker may be copied to instances (option copy_trace_marker)."""

    has_syscall_user_buf_size: bool

    event_mod_syntax: bool
    """set_event understands ``:mod:MODULE``."""

    filter_dangling_is_error: bool
    """A filter ending in ``&&``, ``||`` or ``!`` is refused."""

    filter_function: bool
    """``.function`` and ``CPUS{}`` in filters."""

    filter_stacktrace: bool
    """Filters know the field ``stacktrace``."""

    glob_bounded: bool
    """A glob on a fixed array stops at the end of the field."""

    trigger_filter_error_logged: bool
    """A wrong filter of a trigger makes an error log entry."""

    hist_value_percent: bool
    """``.percent`` and ``.graph`` are accepted for values."""

    hist_nohitcount: bool

    hist_special_fields: frozenset[str]
    """Fields that a histogram of any event can use under these names."""

    hist_stacks: bool
    """The modifier ``.stacktrace`` exists, and fields that are stacks are used as stacks."""

    hist_stacktrace_of_any: bool
    """``.stacktrace`` is accepted for any field, and a stack that was not named
    ``common_stacktrace`` reads back under the name it was given."""

    hist_expression_shows_buckets: bool
    """The name of an expression has the size of an operand's buckets."""

    hist_stack_depth: int
    """Addresses kept of a stack used as key."""

    hist_cpu_name_doubled: bool
    """Read-back of a CPU key shows ``common_cpu`` followed by the field's own name."""

    hist_reference_dollar: bool
    """A fully qualified reference reads back as ``sys.event.$v``."""

    hist_helper_keeps_modifiers: bool

    hist_failed_helper_stays: bool
    """A refused trigger leaves the histograms that were made on other events for its fields."""

    hist_name_errors: bool
    """An expression whose name grows too long is refused with E2BIG, one that has none with
    EINVAL."""

    has_hist_poll: bool
    """poll() on ``hist`` waits for hits."""

    sort_takes_pairs: bool
    """The heap sort takes two elements off the heap at a time."""

    hist_log2_wraps: bool
    """``.log2`` of a number above 2^63 is 0, not 64."""

    unhashed_loses_string: bool
    """With hash-ptr off, the first string of an event's line is empty."""

    missing_syscalls: frozenset[int]
    """Numbers of system calls that came with a later version."""

    synth_format_separator: str
    """What separates the fields in a synthetic event's print format."""

    dynevent_unknown_type_logged: bool
    """An unknown command letter in dynamic_events makes an error log entry."""

    poll_wants_events: bool
    """However low buffer_percent is, poll() on a CPU's pipe waits for events on a page that nobody
    reads."""

    blocked_pipe_ends: bool
    """A blocked read of trace_pipe ends, with nothing, when tracing is turned off."""

    options_hold: bool
    """Files in ``options`` hold their instance while they are open."""

    instances_follow_owner: bool
    """An instance's files, but not its ``events``, change their owner with ``instances``; otherwise
    they keep the one that it had when the instance was made."""

    expands_top: bool
    """Whichever instance is used first, it is the buffers of the top level that are expanded."""

    resize_hides_errors: bool
    """Whatever keeps a buffer from being resized is told as ENOMEM."""

    snapshot_shows_all: bool
    """A snapshot shows all its events, even those older than when ``snapshot`` was last emptied."""

    paused_is_off: bool
    """tracing_on shows 0 while a reader of ``trace`` pauses recording."""

    marker_max: int
    """Bytes of one write to trace_marker or trace_marker_raw that are recorded at most."""

    marker_raw_max: int
    """Bytes that one write to trace_marker_raw may have."""

    marker_min_text: int
    """Bytes of text that a trace_marker record has room for at least."""

    marker_raw_min: int
    """Bytes of id and data that a trace_marker_raw record has room for at least."""

    marker_raw_extra: int
    """Bytes that a trace_marker_raw record is longer than header, id and data."""

    lazy_preemption: bool
    """need-resched letters B, b, L, l exist."""

    fields_dotted_strings: bool
    """Option ``fields`` shows unprintable bytes of dynamic strings in hexadecimal."""

    top_mode: int
    """Permission bits of the top level's folder."""

    distribution_has_max_latency: bool
    """tracing_max_latency exists in Debian's configuration, which has latency tracers."""

    readme_mount_options: bool
    """README names the mount options."""

    line_buffer_size: int
    """Bytes for the text of one event (TRACE_SEQ_BUFFER_SIZE)."""

    @property
    def point_release(self) -> str:
        """The release without the name of the build."""
        return self.release.partition("-")[0]


def _options(
    *, fields: bool, printk_dest: bool, copy_marker: bool, bitmask: bool
) -> tuple[str, ...]:
    """Names of the trace options, with those that came in the course of time."""
    return (
        "print-parent",
        "sym-offset",
        "sym-addr",
        "verbose",
        "raw",
        "hex",
        "bin",
        "block",
        *(["fields"] if fields else []),
        "trace_printk",
        "annotate",
        "userstacktrace",
        "sym-userobj",
        "printk-msg-only",
        "context-info",
        "latency-format",
        "record-cmd",
        "record-tgid",
        "overwrite",
        "disable_on_free",
        "irq-info",
        "markers",
        "event-fork",
        *(["trace_printk_dest"] if printk_dest else []),
        *(["copy_trace_marker"] if copy_marker else []),
        "pause-on-trace",
        "hash-ptr",
        *(["bitmask-list"] if bitmask else []),
        "function-trace",
        "function-fork",
        "display-graph",
        "stacktrace",
        "test_nop_accept",
        "test_nop_refuse",
    )


V7_3 = KernelVersion(
    name="7.3",
    release="7.3.4-oracle",
    preemption_model="PREEMPTLAZY",
    marker_preempt_count=2,
    synthetic_preempt_count=3,
    first_dynamic_id=1297,
    has_graph_retaddr=True,
    options=_options(fields=True, printk_dest=True, copy_marker=True, bitmask=True),
    char_is_unsigned=True,
    overwrite_field=("char", 1, 0),
    has_subbuf_size=True,
    cpu_buffer_size_mode=0o640,
    has_show_event_files=True,
    has_copy_trace_marker=True,
    has_syscall_user_buf_size=True,
    event_mod_syntax=True,
    filter_dangling_is_error=True,
    filter_function=True,
    filter_stacktrace=True,
    glob_bounded=True,
    trigger_filter_error_logged=True,
    hist_value_percent=True,
    hist_nohitcount=True,
    hist_special_fields=frozenset(
        {"common_timestamp", "common_cpu", "common_stacktrace", "hitcount", "common_comm"}
    ),
    hist_stacks=True,
    hist_stacktrace_of_any=False,
    hist_expression_shows_buckets=True,
    hist_stack_depth=31,
    hist_cpu_name_doubled=True,
    hist_reference_dollar=True,
    hist_helper_keeps_modifiers=True,
    hist_failed_helper_stays=False,
    hist_name_errors=True,
    has_hist_poll=True,
    sort_takes_pairs=True,
    hist_log2_wraps=False,
    unhashed_loses_string=False,
    missing_syscalls=frozenset(),
    synth_format_separator=" ",
    dynevent_unknown_type_logged=True,
    poll_wants_events=True,
    blocked_pipe_ends=False,
    marker_max=4096,
    marker_raw_max=4096,
    options_hold=True,
    instances_follow_owner=True,
    expands_top=False,
    resize_hides_errors=False,
    snapshot_shows_all=False,
    paused_is_off=False,
    marker_min_text=0,
    marker_raw_min=0,
    marker_raw_extra=0,
    lazy_preemption=True,
    fields_dotted_strings=True,
    top_mode=0o700,
    distribution_has_max_latency=False,
    readme_mount_options=True,
    line_buffer_size=8156,
)

V6_12 = replace(
    V7_3,
    name="6.12",
    release="6.12.117-oracle",
    distribution_has_max_latency=True,
    preemption_model="server",
    marker_preempt_count=0,
    synthetic_preempt_count=0,
    first_dynamic_id=1275,
    has_graph_retaddr=False,
    options=_options(fields=True, printk_dest=True, copy_marker=False, bitmask=False),
    overwrite_field=("int", 1, 1),
    has_show_event_files=False,
    has_copy_trace_marker=False,
    has_syscall_user_buf_size=False,
    event_mod_syntax=False,
    glob_bounded=False,
    hist_special_fields=V7_3.hist_special_fields - {"common_comm"},
    hist_expression_shows_buckets=False,
    hist_stack_depth=16,
    hist_cpu_name_doubled=False,
    hist_name_errors=False,
    has_hist_poll=True,
    missing_syscalls=frozenset({336, *range(463, 471), 472}),
    synth_format_separator=", ",
    dynevent_unknown_type_logged=False,
    marker_min_text=9,
    marker_raw_max=4060,
    marker_raw_min=13,
    marker_raw_extra=4,
    lazy_preemption=False,
    fields_dotted_strings=False,
    options_hold=False,
    snapshot_shows_all=True,
)

V6_18 = replace(
    V6_12,
    name="6.18",
    hist_helper_keeps_modifiers=False,
    hist_failed_helper_stays=True,
    filter_dangling_is_error=False,
    hist_value_percent=False,
    hist_log2_wraps=True,
    hist_reference_dollar=False,
    hist_stacktrace_of_any=True,
    top_mode=0o755,
    hist_special_fields=V7_3.hist_special_fields,
    hist_cpu_name_doubled=True,
    missing_syscalls=frozenset({470, 472}),
    release="6.18.15-oracle",
    preemption_model="PREEMPT(lazy)",
    marker_preempt_count=1,
    synthetic_preempt_count=3,
    first_dynamic_id=1606,
    has_graph_retaddr=True,
    cpu_buffer_size_mode=0o440,
    synth_format_separator=" ",
    options=_options(fields=True, printk_dest=True, copy_marker=True, bitmask=False),
    event_mod_syntax=True,
    has_copy_trace_marker=True,
    marker_min_text=0,
    marker_raw_max=4064,
    marker_raw_min=0,
    marker_raw_extra=0,
    lazy_preemption=True,
)

V6_1 = replace(
    V6_12,
    name="6.1",
    hist_helper_keeps_modifiers=False,
    hist_failed_helper_stays=True,
    hist_stacks=False,
    unhashed_loses_string=True,
    hist_reference_dollar=False,
    release="6.1.192-oracle",
    preemption_model="server",
    first_dynamic_id=1392,
    options=_options(fields=False, printk_dest=False, copy_marker=False, bitmask=False),
    char_is_unsigned=False,
    has_subbuf_size=False,
    filter_function=False,
    filter_stacktrace=False,
    hist_special_fields=frozenset({"common_timestamp", "common_cpu"}),
    hist_nohitcount=False,
    sort_takes_pairs=False,
    missing_syscalls=V6_12.missing_syscalls | {335, *range(451, 463)},
    trigger_filter_error_logged=False,
    poll_wants_events=False,
    blocked_pipe_ends=True,
    readme_mount_options=False,
    line_buffer_size=4060,
    has_hist_poll=False,
    expands_top=True,
    resize_hides_errors=True,
    paused_is_off=True,
    marker_max=1024,
    marker_raw_max=3072,
    instances_follow_owner=False,
)

VERSIONS = {version.name: version for version in (V6_1, V6_12, V6_18, V7_3)}
