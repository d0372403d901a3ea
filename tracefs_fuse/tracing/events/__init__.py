"""Definitions of trace events: fields and print formats for each kernel version, as data.

Adding an event is adding data here: its definition, and in :mod:`.stacks` the functions that lead
to it.  Nothing else in the core knows an event by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracefs_fuse.tracing.print_fmt import PrintFmt


@dataclass(frozen=True)
class EventDefinition:
    """One event of one kernel version, as TRACE_EVENT() defines it."""

    system: str
    name: str
    id: int
    fields: tuple[tuple[str, str], ...]
    """C type and name, in the order of the record."""

    print_fmt: PrintFmt

    btf_ids: tuple[int, int] | None = None
    """Ids in Debian's kernel of the types of the raw tracepoint's program and of its arguments
    (``raw_btf_id`` and ``tp_btf_id``); None where there is no such file."""
