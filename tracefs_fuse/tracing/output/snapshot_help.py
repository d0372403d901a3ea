"""What an empty ``snapshot`` shows instead of events.

Modelled after print_snapshot_help() (kernel/trace/trace.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.output.header import TRACER

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_ALL_CPUS = """\
# echo 0 > snapshot : Clears and frees snapshot buffer
# echo 1 > snapshot : Allocates snapshot buffer, if not already allocated.
#                      Takes a snapshot of the main buffer.
# echo 2 > snapshot : Clears snapshot buffer (but does not allocate or free)
"""
_ONE_CPU = """\
# echo 0 > snapshot : Invalid for per_cpu snapshot file.
# echo 1 > snapshot : Not supported with this kernel.
#                     Must use main snapshot file to allocate.
# echo 2 > snapshot : Clears this cpu's snapshot buffer (but does not allocate)
"""
_ANY_NUMBER = """\
#                      (Doesn't have to be '2' works with any number that
#                       is not a '0' or '1')
"""


def snapshot_help_text(array: TraceArray, per_cpu: bool) -> str:
    """Whether the snapshot buffer is there, and what may be written to the file."""
    state = "allocated" if array.snapshot_allocated else "freed"
    commands = _ONE_CPU if per_cpu else _ALL_CPUS
    return f"{TRACER}#\n# * Snapshot is {state} *\n#\n# Snapshot commands:\n{commands}{_ANY_NUMBER}"
