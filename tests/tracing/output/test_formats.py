"""Lines in the formats that options choose, as stock kernels show them."""

from __future__ import annotations

import pytest

from tests.tracing.output.lab import OutputLab
from tracefs_fuse.tracing.kallsyms import MARKER_ADDRESS
from tracefs_fuse.tracing.output.context import flags_text
from tracefs_fuse.tracing.source import Task
from tracefs_fuse.tracing.synthetic import SyntheticEvent
from tracefs_fuse.tracing.versions import VERSIONS

SHELL = Task(92, 92, "sh")
TIMES = (3_324_251_206, 3_326_350_070, 3_327_749_041)
IP = f"{MARKER_ADDRESS['7.3']:x}"
FRONTS = [
    f"           <...>-92      [000] ...2.     3.{n}: " for n in ("324251", "326350", "327749")
]
DATA = "# 4030201 buf: 61 62 63 64"

MARKERS = {
    "": ["tracing_mark_write: hi", "tracing_mark_write: hey", DATA],
    "sym-offset": [
        "tracing_mark_write+0x76/0x140: hi",
        "tracing_mark_write+0x76/0x140: hey",
        DATA,
    ],
    "sym-addr": [
        f"tracing_mark_write <{IP}>: hi",
        f"tracing_mark_write <{IP}>: hey",
        DATA,
    ],
    "fields": ["UNKNOWN TYPE 5", "UNKNOWN TYPE 5", "UNKNOWN TYPE 19"],
}
"""What stands behind the context."""

WHOLE = {
    "raw": [f"92 0 3324251206 # {IP} hi", f"92 0 3326350070 # {IP} hey", f"92 0 3327749041 {DATA}"],
    "hex": [
        "0000005c 00000000 00000000c6240c46 type: 5",
        "",
        "0000005c 00000000 00000000c64412f6 type: 5",
        "",
        "0000005c 00000000 00000000c6596bb1 type: 19",
        "",
    ],
    "printk-msg-only": ["hi", "hey", FRONTS[2] + DATA],
    "latency-format": [
        "   <...>-92        0...2. 3324251us#: tracing_mark_write: hi",
        "   <...>-92        0...2. 3326350us#: tracing_mark_write: hey",
        f"   <...>-92        0...2. 3327749us : {DATA}",
    ],
    "latency-format verbose": [
        "           <...>      92   0 0 00000002 00000000 [0032b95b] 3324.251ms (+2.099ms):"
        " tracing_mark_write: hi",
        "           <...>      92   0 0 00000002 00000001 [0032c18e] 3326.350ms (+1.399ms):"
        " tracing_mark_write: hey",
        "           <...>      92   0 0 00000002 00000002 [0032c705] 3327.749ms (+0.000ms):"
        f" {DATA}",
    ],
    "noirq-info": [
        "           <...>-92      [000]      3.324251: tracing_mark_write: hi",
        "           <...>-92      [000]      3.326350: tracing_mark_write: hey",
        f"           <...>-92      [000]      3.327749: {DATA}",
    ],
    "raw nocontext-info": [f"# {IP} hi", f"# {IP} hey", DATA],
}


def marked(options: str) -> OutputLab:
    lab = OutputLab()
    lab.set(*options.split())
    for data, at in zip((b"hi\n", b"hey"), TIMES, strict=False):
        lab.mark(data, at, SHELL)
    lab.mark_raw(b"\1\2\3\4abcd", TIMES[2], SHELL)
    return lab


def ends_with(text: str, lines: list[str]) -> bool:
    """Nothing but the header stands before these lines."""
    header = text.removesuffix("".join(f"\n{line}" for line in lines) + "\n")
    return header != text and all(line.startswith("#") for line in header.splitlines())


@pytest.mark.parametrize("options", MARKERS)
def test_markers(options: str) -> None:
    lines = [front + text for front, text in zip(FRONTS, MARKERS[options], strict=True)]
    assert ends_with(marked(options).trace(), lines)


@pytest.mark.parametrize("options", WHOLE)
def test_lines(options: str) -> None:
    assert ends_with(marked(options).trace(), WHOLE[options])


def test_binary() -> None:
    text = marked("bin").trace().encode("latin-1")
    assert text.endswith(b"\x5c\0\0\0\0\0\0\0\xb1\x6b\x59\xc6\0\0\0\0type: 19\n")


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (
            "",
            [
                "...2.            3: tracing_mark_write: a",
                "...2.            4: tracing_mark_write: b",
            ],
        ),
        ("latency-format", ["    2: tracing_mark_write: a", "    3: tracing_mark_write: b"]),
        (
            "latency-format verbose",
            ["[0000000000000003] 2 (+1): tracing_mark_write: a", "[0000000000000004] 3 (+0): "],
        ),
    ],
)
def test_a_clock_that_counts(options: str, lines: list[str]) -> None:
    lab = OutputLab()
    lab.set(*options.split())
    lab.top.set_clock("counter")
    lab.top.clock.read()
    lab.mark(b"a", 0)
    lab.mark(b"b", 0)
    for shown, wanted in zip(lab.lines(), lines, strict=True):
        assert wanted in shown


@pytest.mark.parametrize(
    ("version", "flags", "preempt_count", "letters"),
    [
        ("7.3", 0x00, 0x00, "....."),
        ("7.3", 0x01, 0x01, "d..1."),
        ("7.3", 0x80, 0x0F, "b..f."),
        ("7.3", 0x81, 0x20, "D...2"),
        ("7.3", 0x02, 0x00, ".l..."),
        ("7.3", 0x04, 0x00, ".n..."),
        ("7.3", 0x06, 0x00, ".b..."),
        ("7.3", 0x20, 0x00, ".p..."),
        ("7.3", 0x22, 0x00, ".L..."),
        ("7.3", 0x24, 0x00, ".N..."),
        ("7.3", 0x26, 0x00, ".B..."),
        ("7.3", 0x08, 0x00, "..h.."),
        ("7.3", 0x10, 0x00, "..s.."),
        ("7.3", 0x18, 0x00, "..H.."),
        ("7.3", 0x40, 0x00, "..z.."),
        ("7.3", 0x48, 0x00, "..Z.."),
        ("6.12", 0x02, 0x00, "X...."),
        ("6.12", 0x03, 0x00, "d...."),
        ("6.12", 0x26, 0xFF, "XN.ff"),
        ("6.18", 0x02, 0x00, ".l..."),
    ],
)
def test_flags(version: str, flags: int, preempt_count: int, letters: str) -> None:
    assert flags_text(VERSIONS[version], flags, preempt_count) == letters


FIELDS = [
    (
        "7.3",
        "mm_khugepaged_scan",
        "mm=0xffff8ad14106e300 progress=513 full_scan_finished=1",
        "mm=0xffff8ad14106e300 (-128843632942336) progress=0x201 (513) full_scan_finished=(1)",
    ),
    (
        "6.12",
        "mm_khugepaged_scan_file",
        'pfn=0xffffffffffffffff filename="memfd:scene" present=-512 result=5',
        "mm=0x0 (0) pfn=0xffffffffffffffff (-1) filename=memfd:scene present=0xfffffe00 (-512)"
        " swap=0x0 (0) result=0x5 (5)",
    ),
    (
        "7.3",
        "mm_khugepaged_scan_file",
        'filename="/tmp/d/tr\tue"',
        "mm=0x0 (0) pfn=0x0 (0)"
        " filename=/tmp/d/tr.ue. (2f:74:6d:70:2f:64:2f:74:72:09:75:65:00)"
        " present=0x0 (0) swap=0x0 (0) result=0x0 (0)",
    ),
    (
        "6.12",
        "mm_khugepaged_scan_file",
        'filename="/tmp/d/tr\tue"',
        "mm=0x0 (0) pfn=0x0 (0) filename=/tmp/d/tr\tue present=0x0 (0) swap=0x0 (0) result=0x0 (0)",
    ),
    (
        "7.3",
        "mm_khugepaged_scan",
        "full_scan_finished=65",
        "mm=0x0 (0) progress=0x0 (0) full_scan_finished='A'(65)",
    ),
]


@pytest.mark.parametrize(("version", "event", "values", "shown"), FIELDS)
def test_fields(version: str, event: str, values: str, shown: str) -> None:
    lab = OutputLab(version)
    lab.set("fields", "nocontext-info")
    lab.enable(event)
    lab.inject(event, values, 0)
    assert lab.lines() == [f"{event}: {shown}"]


def test_pointers_are_hashed_unless_told_otherwise() -> None:
    lab = OutputLab()
    lab.set("nocontext-info")
    lab.enable("mm_khugepaged_scan")
    lab.inject("mm_khugepaged_scan", "mm=0xffff888000000040", 0)
    hashed = lab.tracing.pointer_hash.text(0xFFFF888000000040)
    assert lab.lines() == [f"mm_khugepaged_scan: mm={hashed}, progress=0, full_scan_finished=0"]
    lab.set("nohash-ptr")
    assert lab.lines() == [
        "mm_khugepaged_scan: mm=ffff888000000040, progress=0, full_scan_finished=0"
    ]


def test_bytes_that_do_not_fit_into_the_line_buffer_are_left_out() -> None:
    """A stock kernel's line of 4000 raw bytes: 66 characters and 2696 times three, no newline."""
    lab = OutputLab()
    lab.mark_raw(b"x" * 4000, TIMES[0], Task(138, 138, "dd"))
    lab.mark(b"next", TIMES[1])
    line, rest = lab.lines()[0].split("           <...>-1 ")
    assert len(line) == 66 + 3 * 2696
    assert line.endswith("buf:" + " 78" * 2696)
    assert rest.endswith("tracing_mark_write: next")


def test_fields_that_do_not_fit_into_the_line_buffer_are_left_out() -> None:
    """A stock 6.1's line of 15 strings of 251 characters each: 14 of them and a mark."""
    lab = OutputLab("6.1")
    names = [f"abcdefghijklmnopqrstuvwxyz_{number}" for number in range(10, 25)]
    lab.tracing.synthetic.write("big " + "".join(f"char[] {name};" for name in names))
    file = lab.top.files["synthetic", "big"]
    file.enable()
    event = file.event
    assert isinstance(event, SyntheticEvent)
    value = b"x" * 251
    lab.tracing.generate(event, SHELL, [value] * len(names), "print")
    (line,) = lab.lines()
    assert len(line) == 4018
    assert line.endswith(f"{names[13]}={value.decode()} [LINE TOO BIG]")
