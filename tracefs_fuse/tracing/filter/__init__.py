"""Event filters: parsing, the errors they may have, and their way to Python source.

    >>> parse_filter(event, "status == 4 && (referenced > 0 || comm ~ 'kh*')", version)

A text is read once, into a program in postfix order with ``!`` pushed down to the comparisons
(parser.py, predicate.py, strings.py, cpulist.py); :meth:`Filter.compose` writes that as one Python
expression over the fields' variables (program.py), so that nothing is interpreted at an event.

Modelled after kernel/trace/trace_events_filter.c.
"""

from tracefs_fuse.tracing.filter.errors import FilterError
from tracefs_fuse.tracing.filter.filter_file import (
    SYSTEM_FILTER_TEXT,
    create_trigger_filter,
    read_event_filter,
    write_event_filter,
    write_system_filter,
)
from tracefs_fuse.tracing.filter.parser import Filter, parse_filter

__all__ = [
    "SYSTEM_FILTER_TEXT",
    "Filter",
    "FilterError",
    "create_trigger_filter",
    "parse_filter",
    "read_event_filter",
    "write_event_filter",
    "write_system_filter",
]
