"""The text of traces: ``trace``, ``trace_pipe``, ``snapshot``, ``stats`` and binary headers.

Modelled after kernel/trace/trace.c and kernel/trace/trace_output.c.  How an event is shown is
made into one function for the options that are on.
"""

from tracefs_fuse.tracing.output.binary_headers import header_event_text, header_page_text
from tracefs_fuse.tracing.output.pipe import PipeText
from tracefs_fuse.tracing.output.snapshot_help import snapshot_help_text
from tracefs_fuse.tracing.output.stats import stats_text
from tracefs_fuse.tracing.output.trace import TraceText

__all__ = [
    "PipeText",
    "TraceText",
    "header_event_text",
    "header_page_text",
    "snapshot_help_text",
    "stats_text",
]
