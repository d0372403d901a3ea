"""Names of addresses, and the stacks that lead to events, as kernels show them."""

from __future__ import annotations

import pytest

from tests.conformance.test_recorded import client_for
from tracefs_fuse.tracing.events import huge_memory
from tracefs_fuse.tracing.kallsyms import (
    MARKER_ADDRESS,
    hist_stack_of,
    kallsyms_text,
    stack_of,
    symbol,
    symbol_name,
)
from tracefs_fuse.tracing.origin import Origin
from tracefs_fuse.tracing.versions import VERSIONS

_EVENT, _MARKER = Origin.EVENT, Origin.MARKER
_WRITE_6_12 = (
    " vfs_write+0xf5/0x440 ksys_write+0xb9/0xf0 do_syscall_64+0x87/0x180"
    " entry_SYSCALL_64_after_hwframe+0x76/0x7e"
)

STACKS = [
    (
        "7.3",
        ("mm_khugepaged_scan",),
        _EVENT,
        "khugepaged",
        "trace_event_raw_event_mm_khugepaged_scan+0x74/0xc0 khugepaged+0x46b/0x800"
        " kthread+0xe5/0x120 ret_from_fork+0x2bc/0x350 ret_from_fork_asm+0x1a/0x30",
    ),
    (
        "6.12",
        ("mm_collapse_huge_page",),
        _EVENT,
        "scene",
        "trace_event_raw_event_mm_collapse_huge_page+0x6c/0xb0 collapse_huge_page+0x184/0x13d0"
        " hpage_collapse_scan_pmd+0x60e/0x6f0 madvise_collapse+0x3ba/0x4b0"
        " do_madvise+0x67d/0x1750 __x64_sys_madvise+0x2b/0x40 do_syscall_64+0x87/0x180"
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    ),
    (
        "6.18",
        ("print",),
        _MARKER,
        "sh",
        "write_marker_to_buffer+0x182/0x1c0 tracing_mark_write+0x129/0x170 vfs_write+0xcf/0x450"
        " ksys_write+0xbe/0xe0 do_syscall_64+0x84/0x800"
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    ),
    (
        "6.1",
        ("mm_khugepaged_scan_file",),
        _EVENT,
        "khugepaged",
        "trace_event_raw_event_mm_khugepaged_scan_file+0x178/0x200"
        " hpage_collapse_scan_file+0x3bd/0x550 khugepaged+0x49d/0x970 kthread+0xd7/0x100"
        " ret_from_fork+0x1f/0x30",
    ),
    (
        "6.12",
        ("print", "syn", "syn2"),
        _MARKER,
        "sh",
        "trace_event_raw_event_synth+0x253/0x3b0 action_trace+0x5e/0x70"
        " event_hist_trigger+0x635/0x660 event_triggers_call+0xe3/0x180"
        " trace_event_buffer_commit+0x19d/0x250 trace_event_raw_event_synth+0x253/0x3b0"
        " action_trace+0x5e/0x70 event_hist_trigger+0x635/0x660 event_triggers_call+0xe3/0x180"
        " tracing_mark_write+0x135/0x270" + _WRITE_6_12,
    ),
    (
        "6.1",
        ("mm_collapse_huge_page", "syn"),
        _EVENT,
        "col",
        "trace_event_raw_event_synth+0x221/0x350 action_trace+0x5c/0x70"
        " event_hist_trigger+0x419/0x440 event_triggers_call+0x4f/0xe0"
        " trace_event_buffer_commit+0x193/0x250"
        " trace_event_raw_event_mm_collapse_huge_page+0x68/0xb0 collapse_huge_page+0x18d/0x1470"
        " hpage_collapse_scan_pmd+0x56d/0x670 madvise_collapse+0x348/0x440"
        " do_madvise+0x4dc/0xdf0 __x64_sys_madvise+0x28/0x30 do_syscall_64+0x5d/0x90"
        " entry_SYSCALL_64_after_hwframe+0x6e/0xd8",
    ),
    (
        "7.3",
        ("print", "syn"),
        _MARKER,
        "sh",
        "trace_event_raw_event_synth+0x21c/0x2e0 action_trace+0x67/0x70"
        " event_hist_trigger+0x604/0x6a0 event_triggers_call+0xe6/0x180"
        " write_marker_to_buffer+0xe2/0x1c0 tracing_mark_write+0xf3/0x140 vfs_write+0xcf/0x450"
        " ksys_write+0xbe/0xe0 do_syscall_64+0xc2/0x520"
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    ),
]


@pytest.mark.parametrize(("version", "events", "origin", "task", "frames"), STACKS)
def test_stacks(
    version: str, events: tuple[str, ...], origin: Origin, task: str, frames: str
) -> None:
    addresses = stack_of(events, origin, version, task)
    assert " ".join(map(symbol, addresses)) == frames


@pytest.mark.parametrize(
    ("version", "events", "origin", "first"),
    [
        ("7.3", ("mm_khugepaged_scan_pmd",), _EVENT, "madvise_collapse+0x124/0x2f0"),
        ("6.12", ("mm_khugepaged_scan_pmd",), _EVENT, "madvise_collapse+0x3ba/0x4b0"),
        ("7.3", ("print",), _MARKER, "ksys_write+0xbe/0xe0"),
        ("6.12", ("print",), _MARKER, "do_syscall_64+0x87/0x180"),
        ("6.12", ("print", "syn2"), _MARKER, "event_hist_trigger+0x635/0x660"),
    ],
)
def test_a_histogram_leaves_out_the_functions_nearest_to_the_event(
    version: str, events: tuple[str, ...], origin: Origin, first: str
) -> None:
    assert symbol(hist_stack_of(events, origin, version, "sh")[0]) == first


_INJECTED_STACK = """\
 => event_inject_write
 => vfs_write
 => ksys_write
 => __x64_sys_write
 => x64_sys_call
 => do_syscall_64
 => entry_SYSCALL_64_after_hwframe
"""
"""As recorded of 6.12.117."""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("switch", ["trigger", "option"])
@pytest.mark.parametrize("event", ["huge_memory/mm_khugepaged_scan_pmd", "synthetic/syn"])
def test_an_injected_event_shows_the_stack_of_the_write(
    version: str, switch: str, event: str
) -> None:
    client = client_for(version)
    client.write("synthetic_events", "syn int status", "trunc")
    client.write(f"events/{event}/enable", "1", "trunc")
    if switch == "trigger":
        client.write(f"events/{event}/trigger", "stacktrace", "append")
    else:
        client.write("options/stacktrace", "1", "trunc")
    client.write(f"events/{event}/inject", "status=1", "plain")
    assert client.read("trace").endswith(f": <stack trace>\n{_INJECTED_STACK}")


def test_a_synthetic_event_shows_what_generated_it() -> None:
    client = client_for("6.12")
    event = "events/huge_memory/mm_khugepaged_scan_pmd"
    client.write("synthetic_events", "syn int status", "trunc")
    client.write("events/synthetic/syn/enable", "1", "trunc")
    client.write("events/synthetic/syn/trigger", "stacktrace", "append")
    generate = "hist:keys=common_pid:x=status:onmax($x).trace(syn,status)"
    for path in (event, "events/ftrace/print"):
        field = "status" if path == event else "common_pid"
        client.write(f"{path}/trigger", generate.replace("status", field), "append")
    for path, text, caller in (
        (f"{event}/inject", "status=1", "trace_inject_entry\n => event_inject_write"),
        ("trace_marker", "hi", "tracing_mark_write"),
    ):
        client.write("trace", "", "trunc")
        client.write(path, text, "plain")
        assert f" => event_triggers_call\n => {caller}\n => vfs_write\n" in client.read("trace")
    symbols = kallsyms_text("6.12")
    assert " trace_inject_entry\n" in symbols
    assert " x64_sys_call\n" in symbols


@pytest.mark.parametrize("version", VERSIONS)
def test_each_event_has_a_stack_of_its_own(version: str) -> None:
    names = [definition.name for definition in huge_memory.definitions(version)]
    firsts = [symbol_name(stack_of((name,), _EVENT, version, "khugepaged")[0]) for name in names]
    assert firsts == [f"trace_event_raw_event_{name}" for name in names]


def test_the_end_of_a_function_and_addresses_without_one() -> None:
    frame = symbol(MARKER_ADDRESS["6.12"])
    assert frame == "tracing_mark_write+0xda/0x270"
    assert symbol(MARKER_ADDRESS["6.12"] - 0xDA + 0x26F) == "tracing_mark_write+0x26f/0x270"
    assert symbol_name(MARKER_ADDRESS["6.12"]) == "tracing_mark_write"
    assert symbol(0x40) == symbol_name(0x40) == "0x40"
    assert symbol((1 << 64) - 1) == "0xffffffffffffffff"
