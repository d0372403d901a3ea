"""The ``README`` file: what can be done with which file, in this lab's own words.

Clients, and the kernel's self-tests, look for certain phrases in it to learn what a kernel can do.
Those are kept, and each version has only its own.
"""

from __future__ import annotations

from tracefs_fuse.tracing.versions import KernelVersion

_TEXT = """\
tracing mini-HOWTO:

# echo 0 > tracing_on : stop recording at once
# echo 1 > tracing_on : go on recording

 Reading
  trace                 - what is in the ring buffer; reading takes nothing away
                          opening it for writing with truncation empties the buffer
  trace_pipe            - the same lines, each given once; waits for new ones
  per_cpu/cpuN/         - the same for one CPU, with stats of its buffer
  snapshot              - a second buffer, swapped with the first by writing 1
                          0 frees it, any other number empties it
  error_log             - what was wrong with the latest refused commands

 What is recorded
  available_events      - all events, SYSTEM:EVENT
  set_event             - events that are on; write SYSTEM:EVENT, !SYSTEM:EVENT,
                          SYSTEM:*, *:EVENT or EVENT
  set_event_pid         - tasks whose events are taken; all when empty
  set_event_notrace_pid - tasks whose events are left out
  tracing_cpumask       - CPUs that record
  current_tracer        - the tracer; available_tracers lists what there is
  trace_marker          - text written here becomes an event
  trace_marker_raw      - binary data written here becomes an event
  instances/            - mkdir makes another set of buffers and events, rmdir ends it

 How it is recorded and shown
  trace_clock           - the clock of time stamps
  timestamp_mode        - whether events carry deltas or absolute times
  buffer_size_kb        - size of the ring buffer of each CPU
  buffer_total_size_kb  - of all CPUs together
{subbuf_size}  buffer_percent        - how full the buffer must be to wake raw readers
  free_buffer           - closing it gives the buffer's memory back
  trace_options         - options/NAME one by one
  saved_cmdlines        - names of the tasks seen, by pid; saved_cmdlines_size of them
  saved_tgids           - their thread groups, with option record-tgid

{mount_options} events/SYSTEM/EVENT/
  enable                - 0 or 1; events/SYSTEM/enable and events/enable for many
  format                - the fields of the event and how it is printed
  filter                - which events are recorded: FIELD OP VALUE, joined by && and ||,
                          with ! and parentheses; 0 removes it
                          OP is one of == != < <= > >= & for numbers, == != ~ for strings
  trigger               - what else an event does:
          Format: <trigger>[:count][if <filter>]
          Trigger: traceon, traceoff
                   enable_event:<system>:<event>
                   disable_event:<system>:<event>
                   enable_hist:<system>:<event>
                   disable_hist:<system>:<event>
                   stacktrace
                   snapshot
                   hist (see below)
          A leading ! removes it.
  inject                - make the event happen: FIELD=VALUE ...
  hist                  - the histograms of the event's hist triggers

 Histograms
        Format: hist:keys=<field1[,field2,...]>[:values=<field1[,field2,...]>]
                [:<var1>=<field|var_ref|numeric_literal>[,<var2>=...]]
                [:sort=<field1[,field2]>][:size=#entries][:name=<name>]
                {nohitcount}[:clock=<clock>][:pause][:continue][:clear]
                [:<handler>.<action>] [if <filter>]
        Keys can be any field, or the special string '{stacktrace}'.
        Modifiers: .hex .sym .sym-offset .execname .syscall .log2 .buckets=size
                .usecs for keys and values, .percent .graph for values,
                .ascending .descending for sort keys
        Handlers:
                onmatch(matching.event) - an event with the same keys was seen there
                onmax(var)              - the variable is higher than ever
                onchange(var)           - the variable changed
        Actions:
                trace(<synthetic_event>,param list)     - make a synthetic event
                save(field,...)                         - keep these fields
                snapshot()                              - take a snapshot of the buffer

 Synthetic events
  synthetic_events      - events of your own, made by histograms
        # echo 'name type field; type field' >> synthetic_events
        # echo '{synthetic_fields}' >> synthetic_events
        # echo '!name' >> synthetic_events
  dynamic_events        - all events made at run time
        # echo 's:[synthetic/]name type field' >> dynamic_events
        # echo '-:[synthetic/]name' >> dynamic_events
"""

_SUBBUF_SIZE = "  buffer_subbuf_size_kb - size of the pages that the ring buffer is made of\n"
_MOUNT_OPTIONS = " Mounting takes the options [uid=<uid>], [gid=<gid>] and [mode=<mode>].\n\n"
_MODULE_SYNTAX = " Can enable module events via: :mod:\n"


def text(version: KernelVersion) -> str:
    """The file's text for a kernel version (readme_msg in kernel/trace/trace.c)."""
    stacks = "common_stacktrace" in version.hist_special_fields
    return _TEXT.format(
        subbuf_size=_SUBBUF_SIZE if version.has_subbuf_size else "",
        mount_options=_MOUNT_OPTIONS if version.readme_mount_options else "",
        nohitcount="[:nohitcount]" if version.hist_nohitcount else "",
        stacktrace="common_stacktrace" if stacks else "stacktrace",
        synthetic_fields="name int field; long[] stack"
        if stacks
        else "name int field; char name[]",
    ) + (_MODULE_SYNTAX if version.event_mod_syntax else "")
