"""Names of addresses, and the stacks that lead to events, as stock kernels show them."""

from __future__ import annotations

import pytest

from tracefs_fuse.tracing.events import huge_memory
from tracefs_fuse.tracing.kallsyms import (
    MARKER_ADDRESS,
    hist_stack_of,
    stack_of,
    symbol,
    symbol_name,
)
from tracefs_fuse.tracing.versions import VERSIONS

STACKS = [
    (
        "7.3",
        "mm_khugepaged_scan",
        "khugepaged",
        "trace_event_raw_event_mm_khugepaged_scan+0x74/0xc0 khugepaged+0x46b/0x800"
        " kthread+0xe5/0x120 ret_from_fork+0x2bc/0x350 ret_from_fork_asm+0x1a/0x30",
    ),
    (
        "6.12",
        "mm_collapse_huge_page",
        "scene",
        "trace_event_raw_event_mm_collapse_huge_page+0x6c/0xb0 collapse_huge_page+0x184/0x13c0"
        " hpage_collapse_scan_pmd+0x60e/0x6f0 madvise_collapse+0x3ba/0x4b0"
        " do_madvise+0x671/0x1720 __x64_sys_madvise+0x2b/0x40 do_syscall_64+0x87/0x180"
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    ),
    (
        "6.18",
        "print",
        "sh",
        "write_marker_to_buffer+0x182/0x1c0 tracing_mark_write+0x129/0x170 vfs_write+0xcf/0x450"
        " ksys_write+0xbe/0xe0 do_syscall_64+0x84/0x800"
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
    ),
    (
        "6.1",
        "mm_khugepaged_scan_file",
        "khugepaged",
        "trace_event_raw_event_mm_khugepaged_scan_file+0x178/0x200"
        " hpage_collapse_scan_file+0x3bd/0x550 khugepaged+0x49d/0x970 kthread+0xd7/0x100"
        " ret_from_fork+0x1f/0x30",
    ),
]


@pytest.mark.parametrize(("version", "event", "task", "frames"), STACKS)
def test_stacks(version: str, event: str, task: str, frames: str) -> None:
    addresses = stack_of(event, version, task)
    assert " ".join(map(symbol, addresses)) == frames


@pytest.mark.parametrize(
    ("version", "event", "first"),
    [
        ("7.3", "mm_khugepaged_scan_pmd", "madvise_collapse+0x124/0x2f0"),
        ("6.12", "mm_khugepaged_scan_pmd", "madvise_collapse+0x3ba/0x4b0"),
        ("7.3", "print", "ksys_write+0xbe/0xe0"),
        ("6.12", "print", "do_syscall_64+0x87/0x180"),
    ],
)
def test_a_histogram_leaves_out_the_functions_nearest_to_the_event(
    version: str, event: str, first: str
) -> None:
    assert symbol(hist_stack_of(event, version, "sh")[0]) == first


@pytest.mark.parametrize("version", VERSIONS)
def test_each_event_has_a_stack_of_its_own(version: str) -> None:
    names = [definition.name for definition in huge_memory.definitions(version)]
    firsts = [symbol_name(stack_of(name, version, "khugepaged")[0]) for name in names]
    assert firsts == [f"trace_event_raw_event_{name}" for name in names]


def test_the_end_of_a_function_and_addresses_without_one() -> None:
    frame = symbol(MARKER_ADDRESS["6.12"])
    assert frame == "tracing_mark_write+0xda/0x270"
    assert symbol(MARKER_ADDRESS["6.12"] - 0xDA + 0x26F) == "tracing_mark_write+0x26f/0x270"
    assert symbol_name(MARKER_ADDRESS["6.12"]) == "tracing_mark_write"
    assert symbol(0x40) == symbol_name(0x40) == "0x40"
    assert symbol((1 << 64) - 1) == "0xffffffffffffffff"
