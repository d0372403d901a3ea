"""Filters and their errors as recorded from kernels, and which records got through."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.filter.lab import FilterFile, FilterLab, huge_memory_events, passes
from tracefs_fuse.tracing.filter import (
    SYSTEM_FILTER_TEXT,
    FilterError,
    read_event_filter,
    write_event_filter,
    write_system_filter,
)
from tracefs_fuse.tracing.inject import record_of
from tracefs_fuse.tracing.source import Task
from tracefs_fuse.tracing.versions import VERSIONS

HERE = Path(__file__).parent
CASES = HERE.parents[1] / "conformance" / "cases"
ASKED = json.loads((HERE / "asked.json").read_text())
"""Answers of stock kernels with four CPUs to one filter after the other on mm_khugepaged_scan_pmd:
the filter file, and the position of the caret in error_log; by versions."""

TASK = Task(1, 1, "init")
MM = re.compile(r"\bmm=([0-9a-f]+|\(____ptrval____\))")
LOG_TIME = re.compile(r"^\[ *\d+\.\d{6}\] ", re.M)


def recorded() -> list[Any]:
    return [
        pytest.param(version, case, id=f"{version} {case['name']}")
        for version in ("7.3", "6.12", "6.1")
        for kind in ("filter", "random-filter")
        for case in json.loads((CASES / f"{version}-{kind}.json").read_text())["cases"]
        if case["steps"][0]["status"] != "ENOENT"  # 6.1 lacks an event
    ]


class Replay:
    """Answers the steps of a recorded case as far as filters go."""

    def __init__(self, version: str) -> None:
        lab = FilterLab(VERSIONS[version])
        self.error_log = lab.error_log
        events = huge_memory_events(version).values()
        self.files = {event.name: FilterFile(event, lab) for event in events}
        self.passed: list[str] = []

    def write(self, path: str, text: str) -> str:
        *_, name, kind = path.split("/")
        try:
            if kind == "inject":
                self.inject(self.files[name], text.strip())
            elif kind == "filter" and name == "huge_memory":
                write_system_filter(self.files.values(), text)
            elif kind == "filter":
                write_event_filter(self.files[name], text)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "OK"

    def inject(self, file: FilterFile, text: str) -> None:
        layout = file.event.layout
        record = record_of(file.event, TASK, text)
        values = layout.unpack_all(record)
        names = ["common_type", "common_flags", "common_preempt_count", "common_pid"]
        names += [field.variable for field in file.event.fields]
        variables = dict(zip(names, values, strict=True)) | {"cpu": 0, "comm": b"init"}
        if file.filter is None or passes(file.filter, variables):
            self.passed.append(file.event.render(record, lambda address: "").rstrip("\n"))

    def read(self, path: str) -> str:
        *_, name, kind = ("", *path.split("/"))
        if kind == "filter":
            if name == "huge_memory":
                return SYSTEM_FILTER_TEXT
            return read_event_filter(self.files[name])
        return "".join(self.error_log.entries())


@pytest.mark.parametrize(("version", "case"), recorded())
def test_recorded_case(version: str, case: dict[str, Any]) -> None:
    replay = Replay(version)
    for step in case["steps"]:
        action, path, *rest = step["do"]
        if action == "write":
            assert (rest[0], replay.write(path, rest[0])) == (rest[0], step["status"])
        elif path == "trace":
            lines = [line.partition(": ")[2] for line in step["text"].splitlines()]
            expected = [MM.sub("mm=", line) for line in lines if line.startswith("mm_")]
            assert replay.passed == expected
        elif step["status"] == "OK":
            expected_text = LOG_TIME.sub("", step.get("text", ""))
            assert LOG_TIME.sub("", replay.read(path)) == expected_text


@pytest.mark.parametrize("row", ASKED, ids=lambda row: row["filter"][:40])
def test_asked(row: dict[str, Any]) -> None:
    for group in row["answers"]:
        for version in group["versions"]:
            assert _answer(version, row["filter"]) == group["answer"], version


def _answer(version: str, text: str) -> list[Any]:
    """The filter file, and the position of the caret in error_log; None for a filter that fits."""
    lab = FilterLab(VERSIONS[version], cpu_count=4)
    file = FilterFile(huge_memory_events(version)["mm_khugepaged_scan_pmd"], lab)
    try:
        write_event_filter(file, text + "\n")
    except FilterError:
        caret = lab.error_log.entries()[-1].splitlines()[-1].index("^") - len("  Command: ")
        return [read_event_filter(file), caret]
    return [read_event_filter(file), None]
