"""Triggers: what an event does besides being recorded (``events/SYSTEM/EVENT/trigger``).

Modelled after kernel/trace/trace_events_trigger.c.  :mod:`.trigger` is the base of all,
:mod:`.simple` has traceon, traceoff, snapshot and stacktrace, :mod:`.on_event` those that switch
another event or its histograms, :mod:`.trigger_file` reads and writes the file.  Histograms have a
package of their own, :mod:`tracefs_fuse.tracing.hist`.
"""
