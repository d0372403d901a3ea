"""What is written to instances that nobody counts markers in, and to the lab's knobs.

``{event}`` stands for one of the events, ``{cpu}`` for a CPU, ``{name}`` for a synthetic event
whose name was never there before.
"""

from __future__ import annotations

from dataclasses import dataclass

_SCAN_PMD = "events/huge_memory/mm_khugepaged_scan_pmd"
_SCAN = "events/huge_memory/mm_khugepaged_scan"
_COLLAPSE = "events/huge_memory/mm_collapse_huge_page"

LARGEST_BUFFER_KB = 256
"""So little that buffers are full soon, and memory that still grows is not theirs."""


@dataclass(frozen=True)
class Setting:
    """A file of an instance, and what may be written to it."""

    path: str
    words: tuple[str, ...]
    truncates: bool = False


SETTINGS = (
    Setting("events/{event}/enable", ("0", "1", "1")),
    Setting("events/enable", ("0", "1", "1")),
    Setting("events/huge_memory/enable", ("0", "1")),
    Setting("set_event", ("huge_memory:*", "!huge_memory:*", "*:*", "mm_khugepaged_scan_pmd")),
    Setting("set_event", ("",), truncates=True),
    Setting("events/{event}/filter", ("0", "common_pid > 1", "common_cpu == 1 && common_pid != 0")),
    Setting(f"{_SCAN_PMD}/filter", ("status == 1", "pfn > 0 || referenced", "((", "0")),
    Setting("events/huge_memory/filter", ("0", "common_pid > 0", "status > 3")),
    Setting(
        f"{_SCAN_PMD}/trigger",
        (
            "hist:keys=status",
            "hist:keys=status:sort=hitcount",
            "hist:keys=pfn:vals=referenced:size=1024",
            "hist:keys=mm.hex,status:sort=hitcount.descending:size=256",
            "hist:keys=common_stacktrace",
            "hist:keys=status:pause",
            "hist:keys=status:cont",
            "hist:keys=status:clear",
            "hist:keys=pfn:vals=referenced:size=1024:clear",
            "hist:name=shared:keys=status",
            "hist:keys=mm:then=common_timestamp.usecs",
            "!hist:keys=status",
            "!hist:keys=pfn:vals=referenced:size=1024",
            "traceon",
            "stacktrace:5",
            "snapshot:2",
            "!stacktrace",
            "!snapshot",
            "disable_event:huge_memory:mm_khugepaged_scan:3",
        ),
    ),
    Setting(
        f"{_SCAN}/trigger",
        (
            "hist:keys=mm:taken=common_timestamp.usecs-$then:"
            "onmatch(huge_memory.mm_khugepaged_scan_pmd).save(progress)",
            "hist:keys=mm:m=progress:onmax($m).save(full_scan_finished)",
            "hist:keys=mm:m=progress:onmax($m).snapshot()",
            "hist:name=shared:keys=progress.log2",
            "hist:keys=nosuch",
            "enable_event:huge_memory:mm_khugepaged_scan_pmd",
        ),
    ),
    Setting(f"{_COLLAPSE}/trigger", ("traceoff:1", "traceon", "hist:keys=mm", "!hist:keys=mm")),
    Setting("events/{event}/trigger", ("",), truncates=True),
    Setting("trace_options", ("stacktrace", "nostacktrace", "raw", "noraw", "nobin", "hex")),
    Setting("trace_options", ("nohex", "latency-format", "nolatency-format", "fields", "nofields")),
    Setting("trace_options", ("record-tgid", "norecord-tgid", "overwrite", "nooverwrite")),
    Setting("trace_options", ("pause-on-trace", "nopause-on-trace", "block", "noblock", "verbose")),
    Setting("buffer_size_kb", ("1", "16", "64", str(LARGEST_BUFFER_KB))),
    Setting("per_cpu/cpu{cpu}/buffer_size_kb", ("8", "32", "128")),
    Setting("buffer_subbuf_size_kb", ("4", "4", "8", "64")),
    Setting("buffer_percent", ("0", "50", "100")),
    Setting("tracing_cpumask", ("1", "2", "3", "f")),
    Setting("tracing_on", ("0", "1", "1", "1")),
    Setting("trace_clock", ("local", "global", "counter", "mono", "boot", "uptime")),
    Setting("set_event_pid", ("41", "1 2 3", "")),
    Setting("set_event_pid", ("",), truncates=True),
    Setting("set_event_notrace_pid", ("42",)),
    Setting("set_event_notrace_pid", ("",), truncates=True),
    Setting("snapshot", ("0", "1", "1", "2")),
    Setting("trace", ("",), truncates=True),
    Setting("per_cpu/cpu{cpu}/trace", ("",), truncates=True),
    Setting("error_log", ("",), truncates=True),
    Setting("trace_marker", ("a marker among many",)),
    Setting("events/{event}/inject", ("", "nosuch=1")),
    Setting(f"{_SCAN_PMD}/inject", ("pfn=5 status=1", "status=3 referenced=1")),
    Setting("free_buffer", ("",)),
)
"""By path below an instance."""

_KNOBS = "/sys/kernel/mm/transparent_hugepage"
LAB_SETTINGS = (
    Setting(f"{_KNOBS}/enabled", ("always", "madvise", "always", "never")),
    Setting(f"{_KNOBS}/defrag", ("always", "defer", "madvise", "never")),
    Setting(f"{_KNOBS}/shmem_enabled", ("always", "within_size", "advise", "never")),
    Setting(f"{_KNOBS}/khugepaged/scan_sleep_millisecs", ("0", "10", "1000", "10000")),
    Setting(f"{_KNOBS}/khugepaged/alloc_sleep_millisecs", ("0", "100", "60000")),
    Setting(f"{_KNOBS}/khugepaged/pages_to_scan", ("1", "512", "4096", "65536")),
    Setting(f"{_KNOBS}/khugepaged/max_ptes_none", ("0", "255", "511", "512")),
    Setting(f"{_KNOBS}/khugepaged/defrag", ("0", "1")),
    Setting("/sys/kernel/tracing/saved_cmdlines_size", ("1", "128", "1024")),
    Setting("/sys/kernel/tracing/synthetic_events", ("{name} u64 a; pid_t b; char c[16]",)),
    Setting("/sys/kernel/tracing/dynamic_events", ("s:{name} u64 a", "-:{old}")),
    Setting("/sys/kernel/tracing/synthetic_events", ("!{old}", "!{old}", "!nosuch")),
    Setting("/sys/kernel/tracing/synthetic_events", ("",), truncates=True),
    Setting("/proc/sys/kernel/ftrace_enabled", ("0", "1")),
)
"""By path below the lab."""

LATEST_NAMES = 8
"""Synthetic events that are there at a time."""
