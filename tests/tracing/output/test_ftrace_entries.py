"""The fixed entries: formats as stock kernels show them, records of markers and stacks."""

from __future__ import annotations

import json
from collections import ChainMap
from pathlib import Path

import pytest

from tests.tracing.output.lab import OutputLab
from tracefs_fuse.tracing.events import ftrace
from tracefs_fuse.tracing.field import COMMON_FIELDS
from tracefs_fuse.tracing.kallsyms import MARKER_ADDRESS
from tracefs_fuse.tracing.versions import VERSIONS

ASKED = json.loads((Path(__file__).parent / "ftrace_formats.json").read_text())
"""Each entry's id and format behind the common fields; a version that does not name an entry has
it like the one before, in the order 7.3, 6.18, 6.12, 6.1."""

ORDER = ("7.3", "6.18", "6.12", "6.1")


@pytest.mark.parametrize("version", ORDER)
def test_formats(version: str) -> None:
    asked = ChainMap(*(ASKED[name] for name in reversed(ORDER[: ORDER.index(version) + 1])))
    common = "".join(f"{field.described()}\n" for field in COMMON_FIELDS)
    wanted = {}
    for name, text in asked.items():
        id, _, rest = text.partition("\n")
        wanted[name] = f"name: {name}\nID: {id}\nformat:\n{common}\n{rest}"
    entries = ftrace.events(VERSIONS[version])
    assert {name: entry.format_text() for name, entry in entries.items()} == wanted


def test_a_print_record_has_its_text_in_a_field_of_no_size() -> None:
    entry = ftrace.events(VERSIONS["7.3"])["print"]
    record = entry.layout.pack((entry.id, 0, 2, 77), (MARKER_ADDRESS["7.3"], b"start\n"))
    assert record[16:] == b"start\n\0"
    assert entry.layout.unpack_all(record) == [5, 0, 2, 77, MARKER_ADDRESS["7.3"], b"start\n"]


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("7.3", "# 4030201 buf: 61 62 63 64 65 00 00 00"),
        ("6.18", "# 4030201 buf: 61 62 63 64 65 00 00 00"),
    ],
)
def test_raw_data_shows_whole_words(version: str, text: str) -> None:
    lab = OutputLab(version)
    lab.set("nocontext-info")
    lab.mark_raw(b"\1\2\3\4abcde", 0)
    assert lab.trace() == f"# tracer: nop\n#\n{text}\n"


@pytest.mark.parametrize(
    ("version", "type_", "shown"),
    [
        ("7.3", 7, "Unknown type 7"),
        ("7.3", 9999, "Unknown type 9999"),
        ("7.3", 612, "mm_khugepaged_scan: mm=0000000000000000, progress=0, full_scan_finished=0"),
        ("7.3", 5, "0x0: "),
        ("7.3", 4, "<stack trace>"),
    ],
)
def test_a_record_of_another_type(version: str, type_: int, shown: str) -> None:
    """Text in the way of a type that was put in by hand, however short the record is."""
    lab = OutputLab(version)
    lab.set("nocontext-info")
    lab.enable("mm_khugepaged_scan")
    lab.inject("mm_khugepaged_scan", f"common_type={type_}", 0)
    assert lab.trace().splitlines()[2].startswith(shown)
