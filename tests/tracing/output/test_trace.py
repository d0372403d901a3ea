"""The ``trace`` file as a whole: what it lists, its header, marks of lost events, statistics."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tracing.output.lab import INIT, OutputLab
from tracefs_fuse.tracing.output import TraceText, snapshot_help_text, stats_text
from tracefs_fuse.tracing.ring_buffer import CpuBuffer
from tracefs_fuse.tracing.source import Task

EVENT = "mm_khugepaged_scan"
OTHER_CPU = Task(7, 7, "other", cpu=1)


def full(lab: OutputLab, cpu: int, first: int, count: int) -> CpuBuffer:
    """A CPU's buffer of two pages after more events than it can hold."""
    ring = lab.top.buffer.cpus[cpu]
    ring.resize(2)
    task = Task(7, 7, "other", cpu=cpu)
    for number in range(count):
        lab.mark(b"%d\n" % number, first + number, task)
    return ring


def test_cpus_are_merged_by_time_and_lowest_first() -> None:
    lab = OutputLab(cpus=2)
    lab.set("nocontext-info")
    for at, task, text in ((20, INIT, b"c"), (10, OTHER_CPU, b"a"), (20, OTHER_CPU, b"d")):
        lab.mark(text, at, task)
    lab.mark(b"b", 15, OTHER_CPU)
    assert [line.partition(": ")[2] for line in lab.lines()] == ["a", "c", "d", "b"]


def test_one_cpu_is_listed_with_the_counts_of_all() -> None:
    lab = OutputLab(cpus=2)
    lab.mark(b"zero", 10, INIT)
    lab.mark(b"one", 20, OTHER_CPU)
    text = lab.trace(cpu=1)
    assert "# entries-in-buffer/entries-written: 2/2   #P:2\n" in text
    assert "one" in text
    assert "zero" not in text


def test_the_list_is_settled_when_the_first_piece_is_read() -> None:
    lab = OutputLab()
    lab.mark(b"before", 10)
    buffer = lab.top.buffer
    pieces = TraceText(lab.top, lambda: buffer, buffer.cpus, latency=False)
    text = next(pieces)
    lab.mark(b"after", 20)
    lab.top.clear()
    text += "".join(pieces)
    assert text.endswith("tracing_mark_write: before\n")
    assert "1/1" in text


def test_names_and_options_count_when_a_line_is_made() -> None:
    lab = OutputLab()
    lab.tracing.cmdlines.record_comm(INIT)
    for at in (1000, 2000, 3000):
        lab.mark(b"text", at)
    _, *lines = _changed_after_each_piece(
        lab, lambda: None, lambda: lab.tracing.cmdlines.resize("64"), lambda: lab.set("raw")
    )
    assert [line.split()[:2] for line in lines] == [
        ["init-1", "[000]"],
        ["<...>-1", "[000]"],
        ["1", "0"],
    ]


def _changed_after_each_piece(lab: OutputLab, *changes: Callable[[], None]) -> list[str]:
    buffer = lab.top.buffer
    pieces = TraceText(lab.top, lambda: buffer, buffer.cpus, latency=False)
    told = []
    for change in changes:
        told.append(next(pieces))
        change()
    return [*told, *pieces]


@pytest.mark.parametrize(
    ("options", "marks"),
    [("", ["##### CPU 1 buffer started ####"]), ("noannotate", []), ("raw", [])],
)
def test_where_a_cpu_begins_after_losses(options: str, marks: list[str]) -> None:
    lab = OutputLab(cpus=2)
    lab.set(*options.split())
    ring = full(lab, 0, 1000, 600)
    assert ring.overrun
    last = ring.last_stamp
    lab.mark(b"late\n", last + 5, OTHER_CPU)
    lines = lab.trace().splitlines()
    assert [line for line in lines if line.startswith("#####")] == marks
    if marks:
        assert lines[-2:] == [*marks, lines[-1]]
        assert lines[-1].endswith("tracing_mark_write: late")


def test_no_mark_before_the_first_two_events() -> None:
    lab = OutputLab(cpus=2)
    lab.mark(b"first\n", 10, OTHER_CPU)
    full(lab, 0, 1000, 600)
    assert "buffer started" not in lab.trace()


HEADERS = {
    "nocontext-info": "",
    "verbose": "",
    "noirq-info": "# entries-in-buffer/entries-written: 0/0   #P:1\n#\n"
    "#           TASK-PID     CPU#     TIMESTAMP  FUNCTION\n"
    "#              | |         |         |         |\n",
    "noirq-info record-tgid": "# entries-in-buffer/entries-written: 0/0   #P:1\n#\n"
    "#           TASK-PID       TGID    CPU#     TIMESTAMP  FUNCTION\n"
    "#              | |           |       |         |         |\n",
    "latency-format": "",
}


@pytest.mark.parametrize("options", HEADERS)
def test_header_of_an_empty_trace(options: str) -> None:
    lab = OutputLab()
    lab.set(*options.split())
    assert lab.trace() == f"# tracer: nop\n#\n{HEADERS[options]}"


def test_latency_header_without_legend_when_verbose() -> None:
    lab = OutputLab("6.12")
    lab.set("latency-format", "verbose")
    lab.mark(b"x", 5_000)
    header = lab.trace().splitlines()[:-1]
    assert header[-1] == "#"
    assert header[-5:-1] == [
        "# latency: 0 us, #1/1, CPU#0 | (M:server VP:0, KP:0, SP:0 HP:0 #P:1)",
        "#    -----------------",
        "#    | task: -0 (uid:0 nice:0 policy:0 rt_prio:0)",
        "#    -----------------",
    ]


def test_stats() -> None:
    lab = OutputLab()
    lab.mark(b"a\n", 15_770_470_499)
    lab.mark(b"b\n", 15_770_546_000)
    lab.pipe().read(1)
    lab.source.now = 15_816_641_500
    lines = (
        "entries: 1",
        "overrun: 0",
        "commit overrun: 0",
        "bytes: 24",
        "oldest event ts:    15.770470",
        "now ts:    15.816642",
        "dropped events: 0",
        "read events: 1",
    )
    assert stats_text(lab.top, lab.top.buffer.cpus[0]) == "".join(f"{line}\n" for line in lines)


def test_stats_of_a_clock_that_counts() -> None:
    lab = OutputLab()
    lab.top.set_clock("counter")
    lab.mark(b"a\n", 0)
    assert "oldest event ts: 2\nnow ts: 3\n" in stats_text(lab.top, lab.top.buffer.cpus[0])


def test_snapshot_help_of_one_cpu() -> None:
    text = snapshot_help_text(OutputLab().top, per_cpu=True)
    assert text.splitlines()[3:] == [
        "# * Snapshot is freed *",
        "#",
        "# Snapshot commands:",
        "# echo 0 > snapshot : Invalid for per_cpu snapshot file.",
        "# echo 1 > snapshot : Not supported with this kernel.",
        "#                     Must use main snapshot file to allocate.",
        "# echo 2 > snapshot : Clears this cpu's snapshot buffer (but does not allocate)",
        "#                      (Doesn't have to be '2' works with any number that",
        "#                       is not a '0' or '1')",
    ]
