"""The kernel functions that lead to an event, for each kernel version, as data.

A frame is written as the kernel shows it, ``function+offset/size``; innermost first.  Observed on
stock kernels, but for the frames of collapse_file() and of the swap-in, which are plausible, and
those of a write to ``inject``.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracefs_fuse.tracing.origin import Origin

_TRACE = "trace_event_raw_event_"
"""Starts the name of the function that records an event."""

_THREAD = {
    "6.1": "kthread+0xd7/0x100 ret_from_fork+0x1f/0x30",
    "6.12": "kthread+0xcf/0x100 ret_from_fork+0x31/0x50 ret_from_fork_asm+0x1a/0x30",
    "6.18": "kthread+0xfc/0x240 ret_from_fork+0x1cf/0x200 ret_from_fork_asm+0x1a/0x30",
    "7.3": "kthread+0xe5/0x120 ret_from_fork+0x2bc/0x350 ret_from_fork_asm+0x1a/0x30",
}
_SYSCALL = {
    "6.1": "do_syscall_64+0x5d/0x90 entry_SYSCALL_64_after_hwframe+0x6e/0xd8",
    "6.12": "do_syscall_64+0x87/0x180 entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    "6.18": "do_syscall_64+0x84/0x800 entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    "7.3": "do_syscall_64+0xc2/0x520 entry_SYSCALL_64_after_hwframe+0x76/0x7e",
}
_MADVISE = {
    "6.1": "do_madvise+0x4dc/0xdf0 __x64_sys_madvise+0x28/0x30",
    "6.12": "do_madvise+0x67d/0x1750 __x64_sys_madvise+0x2b/0x40",
    "6.18": "madvise_vma_behavior+0x2f4/0xbb0 madvise_do_behavior+0x175/0x580"
    " do_madvise+0xd9/0x140 __x64_sys_madvise+0x2b/0x40",
    "7.3": "madvise_vma_behavior+0x24e/0xa60 madvise_do_behavior+0x17b/0x5e0"
    " do_madvise+0x12c/0x180 __x64_sys_madvise+0x2b/0x40",
}
_WRITE = {
    "6.1": "vfs_write+0xc4/0x3f0 ksys_write+0xb7/0xf0",
    "6.12": "vfs_write+0xf5/0x440 ksys_write+0xb9/0xf0",
    "6.18": "vfs_write+0xcf/0x450 ksys_write+0xbe/0xe0",
    "7.3": "vfs_write+0xcf/0x450 ksys_write+0xbe/0xe0",
}
_MARKER = {
    "6.1": "tracing_mark_write+0x161/0x240",
    "6.12": "tracing_mark_write+0x135/0x270",
    "6.18": "write_marker_to_buffer+0xe2/0x1c0 tracing_mark_write+0x129/0x170",
    "7.3": "write_marker_to_buffer+0xe2/0x1c0 tracing_mark_write+0xf3/0x140",
}
"""A write to trace_marker while the triggers of the marker run."""

_MARKER_END = {
    "6.1": "tracing_mark_write+0x1fc/0x240",
    "6.12": "tracing_mark_write+0x21d/0x270",
    "6.18": "write_marker_to_buffer+0x182/0x1c0",
    "7.3": "write_marker_to_buffer+0x182/0x1c0",
}
"""The same function when the marker is recorded: the trigger stacktrace runs from here."""

_INJECT = "trace_inject_entry+0xd4/0x130 event_inject_write+0x2b6/0x3a0"
"""A write to ``inject`` while the triggers of the event run.

The functions are those of a recorded kernel; their sizes are plausible, for no stock kernel has
them.
"""

_WRITE_CALL = {
    "6.1": "__x64_sys_write+0x15/0x20 x64_sys_call+0x3c6/0x12a0",
    "6.12": "__x64_sys_write+0x15/0x20 x64_sys_call+0x79/0x14c0",
    "6.18": "__x64_sys_write+0x15/0x20 x64_sys_call+0x79/0x1500",
    "7.3": "__x64_sys_write+0x15/0x20 x64_sys_call+0x79/0x1570",
}
"""Between write(2) and its system call on kernels that have ``inject``.

They keep frame pointers, so these functions show, which jump to the next one on stock kernels.
"""

_COMMIT = {
    "6.1": "trace_event_buffer_commit+0x193/0x250",
    "6.12": "trace_event_buffer_commit+0x19d/0x250",
    "6.18": "trace_event_buffer_commit+0x1aa/0x260",
    "7.3": "trace_event_buffer_commit+0x1aa/0x260",
}
"""Runs the triggers of a tracepoint's event and of a synthetic one."""

_SYNTHETIC = {
    "6.1": f"{_TRACE}synth+0x221/0x350 action_trace+0x5c/0x70"
    " event_hist_trigger+0x419/0x440 event_triggers_call+0x4f/0xe0",
    "6.12": f"{_TRACE}synth+0x253/0x3b0 action_trace+0x5e/0x70"
    " event_hist_trigger+0x635/0x660 event_triggers_call+0xe3/0x180",
    "6.18": f"{_TRACE}synth+0x256/0x3b0 action_trace+0x67/0x70"
    " event_hist_trigger+0x633/0x6d0 event_triggers_call+0x82/0x130",
    "7.3": f"{_TRACE}synth+0x21c/0x2e0 action_trace+0x67/0x70"
    " event_hist_trigger+0x604/0x6a0 event_triggers_call+0xe6/0x180",
}
"""A histogram generates a synthetic event: between that event and the triggers of its cause."""

MARKER_WRITER = {
    "6.1": "tracing_mark_write+0xdd/0x240",
    "6.12": "tracing_mark_write+0xda/0x270",
    "6.18": "tracing_mark_write+0x9a/0x170",
    "7.3": "tracing_mark_write+0x76/0x140",
}
"""Where a marker says that it was written, by version."""

SNAPSHOT_REFUSER = {
    "6.1": "tracing_snapshot_instance_cond+0xc1/0x140",
    "6.12": "tracing_snapshot_instance_cond+0xfa/0x150",
    "6.18": "tracing_snapshot_instance_cond+0xfa/0x150",
    "7.3": "tracing_snapshot_instance_cond+0x93/0x100",
}
"""Where the kernel complains in a trace that there is no snapshot buffer, by version."""

_PMD, _FILE, _ROUND = "pmd", "file", "round"

_CALLERS = {
    "6.1": {
        _PMD: ("khugepaged+0x4fa/0x970", "madvise_collapse+0x348/0x440"),
        _FILE: ("khugepaged+0x49d/0x970", "madvise_collapse+0x18b/0x440"),
    },
    "6.12": {
        _PMD: ("khugepaged+0x6c7/0x940", "madvise_collapse+0x3ba/0x4b0"),
        _FILE: ("khugepaged+0x610/0x940", "madvise_collapse+0x1aa/0x4b0"),
    },
    "6.18": {
        _PMD: ("khugepaged+0x811/0x980", "madvise_collapse+0x39d/0x4a0"),
        _FILE: ("khugepaged+0x779/0x980", "madvise_collapse+0x1a5/0x4a0"),
    },
    "7.3": {
        _PMD: ("khugepaged+0x74c/0x800", "madvise_collapse+0x124/0x2f0"),
        _FILE: ("khugepaged+0x74c/0x800", "madvise_collapse+0x124/0x2f0"),
        _ROUND: ("khugepaged+0x46b/0x800", ""),
    },
}
"""Who looks at a range: khugepaged, or madvise(MADV_COLLAPSE)."""

_SCANS = {
    "6.1": {
        "mm_khugepaged_scan_pmd": (_PMD, "+0xaf/0x100 hpage_collapse_scan_pmd+0x33c/0x670"),
        "mm_khugepaged_scan_file": (_FILE, "+0x178/0x200 hpage_collapse_scan_file+0x3bd/0x550"),
        "mm_collapse_huge_page": (
            _PMD,
            "+0x68/0xb0 collapse_huge_page+0x18d/0x1470 hpage_collapse_scan_pmd+0x56d/0x670",
        ),
        "mm_collapse_huge_page_isolate": (
            _PMD,
            "+0x9b/0xe0 collapse_huge_page+0x1377/0x1470 hpage_collapse_scan_pmd+0x56d/0x670",
        ),
        "mm_collapse_huge_page_swapin": (
            _PMD,
            "+0x8c/0xd0 __collapse_huge_page_swapin+0x2a1/0x480 collapse_huge_page+0x2f4/0x1470"
            " hpage_collapse_scan_pmd+0x56d/0x670",
        ),
    },
    "6.12": {
        "mm_khugepaged_scan_pmd": (_PMD, "+0xb3/0x100 hpage_collapse_scan_pmd+0x219/0x6f0"),
        "mm_khugepaged_scan_file": (_FILE, "+0x123/0x180 hpage_collapse_scan_file+0x331/0x3e0"),
        "mm_khugepaged_collapse_file": (
            _FILE,
            "+0x16a/0x1e0 collapse_file+0x1a2e/0x1f70 hpage_collapse_scan_file+0x2d4/0x3e0",
        ),
        "mm_collapse_huge_page": (
            _PMD,
            "+0x6c/0xb0 collapse_huge_page+0x184/0x13d0 hpage_collapse_scan_pmd+0x60e/0x6f0",
        ),
        "mm_collapse_huge_page_isolate": (
            _PMD,
            "+0x9f/0xe0 collapse_huge_page+0x12aa/0x13d0 hpage_collapse_scan_pmd+0x60e/0x6f0",
        ),
        "mm_collapse_huge_page_swapin": (
            _PMD,
            "+0x8f/0xd0 __collapse_huge_page_swapin+0x2b4/0x4a0 collapse_huge_page+0x2eb/0x13d0"
            " hpage_collapse_scan_pmd+0x60e/0x6f0",
        ),
    },
    "6.18": {
        "mm_khugepaged_scan_pmd": (_PMD, "+0xa4/0xf0 hpage_collapse_scan_pmd+0x4c6/0x7d0"),
        "mm_khugepaged_scan_file": (_FILE, "+0x122/0x180 hpage_collapse_scan_file+0x499/0x6c0"),
        "mm_khugepaged_collapse_file": (
            _FILE,
            "+0x166/0x1e0 collapse_file+0x1b35/0x2080 hpage_collapse_scan_file+0x42b/0x6c0",
        ),
        "mm_collapse_huge_page": (
            _PMD,
            "+0x6b/0xb0 collapse_huge_page+0x17f/0x14c0 hpage_collapse_scan_pmd+0x5ef/0x7d0",
        ),
        "mm_collapse_huge_page_isolate": (
            _PMD,
            "+0x8f/0xd0 collapse_huge_page+0x1457/0x14c0 hpage_collapse_scan_pmd+0x5ef/0x7d0",
        ),
        "mm_collapse_huge_page_swapin": (
            _PMD,
            "+0x8a/0xd0 __collapse_huge_page_swapin+0x2c7/0x4b0 collapse_huge_page+0x2fd/0x14c0"
            " hpage_collapse_scan_pmd+0x5ef/0x7d0",
        ),
    },
    "7.3": {
        "mm_khugepaged_scan": (_ROUND, "+0x74/0xc0"),
        "mm_khugepaged_scan_pmd": (_PMD, "+0x92/0xe0 collapse_single_pmd+0x8a5/0x16d0"),
        "mm_khugepaged_scan_file": (_FILE, "+0x110/0x180 collapse_single_pmd+0x4e8/0x16d0"),
        "mm_khugepaged_collapse_file": (
            _FILE,
            "+0x155/0x1d0 collapse_file+0x1c41/0x21e0 collapse_single_pmd+0x471/0x16d0",
        ),
        "mm_collapse_huge_page": (
            _PMD,
            "+0x7b/0xd0 collapse_huge_page+0x17e/0x15b0 collapse_single_pmd+0x14d8/0x16d0",
        ),
        "mm_collapse_huge_page_isolate": (
            _PMD,
            "+0xa5/0x100 collapse_huge_page+0x1459/0x15b0 collapse_single_pmd+0x14d8/0x16d0",
        ),
        "mm_collapse_huge_page_swapin": (
            _PMD,
            "+0x97/0xe0 __collapse_huge_page_swapin+0x2d6/0x4c0 collapse_huge_page+0x312/0x15b0"
            " collapse_single_pmd+0x14d8/0x16d0",
        ),
    },
}
"""Who is the caller, and what lies between it and the event; starts in the event's function."""

KHUGEPAGED = "khugepaged"
"""Task whose stacks end in a kernel thread; all others come from a system call."""

USER_ADDRESS = 0x7FFFF7E8C9A7
"""Where a process is in its C library when it makes a system call."""

_HIST_SKIPPED = 3
"""Functions nearest to its trigger that a histogram leaves out of its stacks."""


def _root_callers(event: str, origin: Origin, version: str, task: str) -> list[str]:
    """The frames below the triggers of an event that no histogram generates."""
    if origin is Origin.MARKER:
        parts = [_MARKER[version], _WRITE[version], _SYSCALL[version]]
    elif origin is Origin.INJECTED:
        parts = [_INJECT, _WRITE[version], _WRITE_CALL[version], _SYSCALL[version]]
    else:
        kind, frames = _SCANS[version][event]
        thread_caller, call_caller = _CALLERS[version][kind]
        parts = [_COMMIT[version], f"{_TRACE}{event}{frames}"]
        if task == KHUGEPAGED:
            parts += [thread_caller, _THREAD[version]]
        else:
            parts += [call_caller, _MADVISE[version], _SYSCALL[version]]
    return " ".join(parts).split()


def _callers(events: Sequence[str], origin: Origin, version: str, task: str) -> list[str]:
    """The frames from the function that runs the last event's triggers outwards."""
    root, *generated = events
    frames = _root_callers(root, origin, version, task)
    for _ in generated:
        frames = [*f"{_COMMIT[version]} {_SYNTHETIC[version]}".split(), *frames]
    return frames


def frames_of(events: Sequence[str], origin: Origin, version: str, task: str) -> list[str]:
    """The frames that the trigger and the option ``stacktrace`` record, innermost first.

    events: names, the last one that of the event; each one before it generates the next.
    origin: of the first event.
    task: name of the task that runs.
    """
    callers = _callers(events, origin, version, task)
    if origin is Origin.MARKER and len(events) == 1:
        return [_MARKER_END[version], *callers[1:]]
    return callers[1:]


def hist_frames_of(events: Sequence[str], origin: Origin, version: str, task: str) -> list[str]:
    """The frames that a histogram finds; parameters as of frames_of().

    Modelled after HIST_STACKTRACE_SKIP (kernel/trace/trace_events_hist.c).
    """
    return _callers(events, origin, version, task)[_HIST_SKIPPED:]


def all_frames(version: str) -> set[str]:
    """Every frame that some stack or some address in a trace of a version has."""
    frames = {MARKER_WRITER[version], SNAPSHOT_REFUSER[version], _MARKER_END[version]}
    for event in _SCANS[version]:
        for origin in Origin:
            for task in (KHUGEPAGED, ""):
                frames |= {*_callers((event, ""), origin, version, task)}
    return frames
