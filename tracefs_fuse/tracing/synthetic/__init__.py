"""Synthetic events: events that users define and histograms generate.

Modelled after kernel/trace/trace_events_synth.c and trace_dynevent.c.  :mod:`.types` knows the
field types, :mod:`.command` reads definitions, :mod:`.event` is the event they make, and
:mod:`.registry` creates, lists and deletes.
"""

from tracefs_fuse.tracing.synthetic.event import SyntheticEvent
from tracefs_fuse.tracing.synthetic.registry import SyntheticEvents

__all__ = ["SyntheticEvent", "SyntheticEvents"]
