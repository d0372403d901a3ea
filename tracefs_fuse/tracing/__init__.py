"""The tracing core: trace events from their definition to what a reader of tracefs sees.

Modelled after kernel/trace/.  The core knows neither FUSE nor khugepaged: it is driven by whoever
binds a tracepoint to a registered event, and by requests made of its objects.

One event's way::

    tracepoint(args)                     the composed function of the event       (probe.py)
      -> for each instance that listens  its event file                           (event_file.py)
           -> triggers                   traceon, snapshot, hist, ...             (triggers/, hist/)
           -> filter                     compiled to a Python expression          (filter/)
           -> record                     the kernel's binary layout               (event.py)
           -> ring buffer                pages of one CPU                         (ring_buffer.py)
    read of trace, trace_pipe, ...       text made from the records               (output/)

The objects, from the outside in:

- :class:`~tracefs_fuse.tracing.tracing.Tracing` is the whole: the registered events, the top-level
  instance and the named ones, what all instances share (comm cache, dynamic events).
- :class:`~tracefs_fuse.tracing.trace_array.TraceArray` is one instance: ring buffers, options,
  clock, event files, error log.
- :class:`~tracefs_fuse.tracing.event.TraceEvent` is one registered event; an
  :class:`~tracefs_fuse.tracing.event_file.EventFile` is its state in one instance.

Text: commands and output are ``str`` in which each character is one byte (latin-1).

Errors: a refused request raises :class:`OSError` with the kernel's errno and has changed nothing
beyond what the kernel changes too (an error log entry, a filter's error text).

Lock order: there is one lock, given by the owner of the core.  Whoever fires a tracepoint or calls
a method holds it.  A blocked reader waits on a condition of that same lock, hence holds nothing.
"""
