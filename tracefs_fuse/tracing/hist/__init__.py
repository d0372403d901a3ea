"""Hist triggers: histograms of an event's fields, with variables and actions.

Modelled after kernel/trace/trace_events_hist.c and tracing_map.c.  A command's way:

- :mod:`.command` splits the text, :mod:`.errors` says what is wrong with it;
- :mod:`.field`, :mod:`.expression` and :mod:`.variables` make fields of the parts,
  :mod:`.actions` and :mod:`.field_variables` the actions;
- :mod:`.histogram` is the whole, with its :mod:`.table`; :mod:`.trigger` registers and removes it;
- :mod:`.update` composes what happens at an event;
- :mod:`.render` makes the ``hist`` file, in the order of :mod:`.sort`; :mod:`.keys` knows the
  binary form of keys that the order depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.hist.render import triggers_text
from tracefs_fuse.tracing.hist.trigger import (
    HistTrigger,
    truncate_hist_triggers,
    write_hist_trigger,
)

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile

__all__ = ["HistTrigger", "hist_hits", "hist_text", "truncate_hist_triggers", "write_hist_trigger"]


def hist_text(file: EventFile) -> str:
    """The ``hist`` file of an event; empty without histograms."""
    return triggers_text(file.hists)


def hist_hits(file: EventFile) -> int:
    """Events that the histograms of an event have counted; poll() on ``hist`` waits for more."""
    return sum(trigger.histogram.table.hits for trigger in file.hists)
