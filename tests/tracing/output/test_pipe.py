"""trace_pipe: what one read gives, what it takes away, lost events."""

from __future__ import annotations

from tests.tracing.output.lab import INIT, OutputLab
from tracefs_fuse.tracing.source import Task

OTHER_CPU = Task(7, 7, "other", cpu=1)


def marked(count: int) -> OutputLab:
    lab = OutputLab()
    lab.set("nocontext-info")
    lab.top.expand()
    for number in range(count):
        lab.mark(b"%04d\n" % number, 1000 + number)
    return lab


LINE = len("tracing_mark_write: 0000\n")


def test_a_short_read_consumes_one_event_and_keeps_the_rest_of_its_text() -> None:
    lab = marked(3)
    pipe = lab.pipe()
    assert pipe.read(20) == b"tracing_mark_write: "
    assert lab.top.buffer.cpus[0].entries == 2
    assert pipe.read(100) == b"0000\n"
    assert pipe.read(100) == b"tracing_mark_write: 0001\ntracing_mark_write: 0002\n"
    assert pipe.read(100) == b""
    assert not pipe.ready()


def test_a_long_read_takes_what_fits_into_the_line_buffer() -> None:
    lab = marked(1000)
    size = lab.tracing.version.line_buffer_size
    data = lab.pipe().read(65536)
    assert len(data) == (size - 1) // LINE * LINE
    assert lab.top.buffer.cpus[0].entries == 1000 - len(data) // LINE


def test_only_events_make_a_pipe_ready() -> None:
    pipe = marked(1).pipe()
    assert pipe.ready()
    pipe.read(1)
    assert not pipe.ready()
    assert pipe.read(100)


def test_lost_events_are_told_once_for_their_cpu() -> None:
    lab = OutputLab(cpus=2)
    lab.set("nocontext-info")
    ring = lab.top.buffer.cpus[1]
    ring.resize(2)
    lab.mark(b"first\n", 5, INIT)
    for number in range(600):
        lab.mark(b"%d\n" % number, 1000 + number, OTHER_CPU)
    lost = ring.overrun
    assert lost
    lines = lab.pipe().read(65536).decode().splitlines()
    assert lines[:3] == [
        "tracing_mark_write: first",
        f"CPU:1 [LOST {lost} EVENTS]",
        f"tracing_mark_write: {lost}",
    ]
    assert sum("LOST" in line for line in lines) == 1


def test_a_latency_line_has_no_event_behind_it_and_counts_from_one() -> None:
    lab = OutputLab("6.12")
    lab.set("latency-format", "verbose")
    pipe = lab.pipe()
    for at in (13_999_817_000, 14_999_817_000):
        lab.mark(b"x\n", at, Task(171, 171, "sh"))
    assert pipe.read(65536).decode().splitlines() == [
        "           <...>     171   0 0 00000000 00000001 [00d59ec9] 13999.817ms (+0.000ms):"
        " tracing_mark_write: x",
        "           <...>     171   0 0 00000000 00000002 [00e4e109] 14999.817ms (+0.000ms):"
        " tracing_mark_write: x",
    ]
