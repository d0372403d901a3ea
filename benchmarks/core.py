"""The tracing core and the engine, without a mount."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.comparison import Comparison, Side, once, statement
from engine.collapse import collapse_scan_pmd
from engine.collapse_control import CollapseControl
from engine.mmap import mmap
from engine.page_table import PRESENT, YOUNG
from engine.tracepoints import TRACEPOINTS
from tracefs_fuse.cli.lab import Lab, LabOptions, build_lab
from tracefs_fuse.files.node import Directory, Request, TextFile

_EVENT = "mm_khugepaged_scan_pmd"
_EVENT_FOLDER = f"sys/kernel/tracing/events/huge_memory/{_EVENT}"
_PARAMETERS = ", ".join(TRACEPOINTS[_EVENT])
_ARGUMENTS = "0xffff888146a7ee80, 0x12345, 1, 256, 255, 4, 0"
_FIRE = f"trace.{_EVENT}({_ARGUMENTS})"
_CALL = f"function({_ARGUMENTS})"
_MANY = 100_000


def idle_lab() -> Lab:
    """A lab in which nothing happens by itself."""
    return build_lab(LabOptions(workload="idle"))


def file_of(lab: Lab, path: str) -> TextFile:
    """A text file of a lab."""
    node = lab.root
    *folders, name = path.split("/")
    for folder in folders:
        found = node.lookup(folder)
        assert isinstance(found, Directory)
        node = found
    file = node.lookup(name)
    assert isinstance(file, TextFile)
    return file


def write(lab: Lab, path: str, text: str) -> None:
    """What ``echo TEXT > PATH`` does, with a path below the event's folder."""
    store = file_of(lab, f"{_EVENT_FOLDER}/{path}").store
    assert store is not None
    store(Request(pid=1), f"{text}\n".encode())


def function_of(body: str, **names: object) -> Side:
    """A side that calls a function written by hand with an event's arguments."""
    scope = dict(names)
    exec(f"def function({_PARAMETERS}):\n    {body}", scope)
    return statement(_CALL, function=scope["function"])


@contextmanager
def unheard() -> Iterator[tuple[Side, Side]]:
    yield statement(_FIRE, trace=idle_lab().machine.trace), function_of("pass")


@contextmanager
def histogram() -> Iterator[tuple[Side, Side]]:
    lab = idle_lab()
    write(lab, "trigger", "hist:keys=status")
    yield (
        statement(_FIRE, trace=lab.machine.trace),
        function_of("d[status] = d.get(status, 0) + 1", d={}),
    )


@contextmanager
def recorded() -> Iterator[tuple[Side, Side]]:
    lab = idle_lab()
    write(lab, "enable", "1")
    layout = struct.Struct("<HBBi QQ?3xiiii")
    body = (
        "pack(page, 0, 600, 0, 0, 41, mm, pfn, writable, referenced, none_or_zero, status, "
        "unmapped); clock()"
    )
    yield (
        statement(_FIRE, trace=lab.machine.trace),
        function_of(body, pack=layout.pack_into, page=bytearray(4096), clock=time.monotonic_ns),
    )


@contextmanager
def filtered() -> Iterator[tuple[Side, Side]]:
    lab = idle_lab()
    write(lab, "filter", "status == 4 && referenced > 100 && none_or_zero < 511 && unmapped != 0")
    write(lab, "enable", "1")
    by_hand = "if status == 4 and referenced > 100 and none_or_zero < 511 and unmapped != 0: hit()"
    yield statement(_FIRE, trace=lab.machine.trace), function_of(by_hand)


@contextmanager
def scan() -> Iterator[tuple[Side, Side]]:
    """512 pages of which none was referenced: all are looked at, and it is not collapsed."""
    kernel = idle_lab().machine.kernel
    mm = kernel.make_mm()
    vma = mmap(mm, 1 << 40, 1 << 21)
    mm.fill(vma.start, 0, bytes([PRESENT]) * 512)
    yield (
        statement(
            "scan(control, mm, vma, vma.start)",
            scan=collapse_scan_pmd,
            control=CollapseControl(kernel, is_khugepaged=True),
            mm=mm,
            vma=vma,
        ),
        statement("states.count(0)", states=bytes([PRESENT | YOUNG]) * 512),
    )


@contextmanager
def large_histogram() -> Iterator[tuple[Side, Side]]:
    """As ``cat`` sees it: the text of the file, in its pieces."""
    lab = idle_lab()
    write(lab, "trigger", "hist:keys=pfn:size=131072")
    fire = getattr(lab.machine.trace, _EVENT)
    counts = [(number * 7919 % 1_000_003, number % 9 + 1) for number in range(_MANY)]
    for key, hits in counts:
        for _ in range(hits):
            fire(1, key, 1, 1, 1, 4, 0)
    show = file_of(lab, f"{_EVENT_FOLDER}/hist").show
    assert show is not None

    def shown() -> None:
        text = show()
        assert sum(len(piece) for piece in ([text] if isinstance(text, str) else text))

    def by_hand() -> None:
        rows = sorted(counts, key=lambda pair: pair[1])
        assert "".join([f"{{ pfn: {key:10} }} hitcount: {hits:10}\n" for key, hits in rows])

    yield once(shown), once(by_hand)


COMPARISONS = (
    Comparison("a tracepoint nobody listens to", "an empty function", 1.2, unheard),
    Comparison("an event with hist:keys=status", "d[k] = d.get(k, 0) + 1", 3, histogram),
    Comparison("an event recorded", "struct.pack_into and a clock read", 3, recorded),
    Comparison("a filter of four comparisons", "the same in Python", 1.3, filtered),
    Comparison("scanning a full range", "bytes.count of 512 states", 15, scan),
    Comparison(
        "the text of hist with 100,000 entries", "sort and format in Python", 2, large_histogram
    ),
)
