"""The filter files' state, beyond what is recorded."""

from __future__ import annotations

import errno

import pytest

from tests.tracing.filter.lab import FilterFile, FilterLab, huge_memory_events
from tracefs_fuse.tracing.filter import (
    FilterError,
    create_trigger_filter,
    read_event_filter,
    write_event_filter,
    write_system_filter,
)
from tracefs_fuse.tracing.versions import V7_3


@pytest.fixture
def file() -> FilterFile:
    return FilterFile(huge_memory_events("7.3")["mm_khugepaged_scan_pmd"], FilterLab(V7_3))


def test_a_page_is_too_much_and_changes_nothing(file: FilterFile) -> None:
    write_event_filter(file, "status == 1")
    for data in ("status == 1".ljust(4096), "\xe9" * 4096):
        for write in (write_event_filter, lambda f, d: write_system_filter([f], d)):
            with pytest.raises(OSError, match="Invalid argument") as refusal:
                write(file, data)
            assert refusal.value.errno == errno.EINVAL
    assert read_event_filter(file) == "status == 1\n"
    assert file.changes == 1
    assert file.array.error_log.entries() == []
    write_event_filter(file, "status == 2".ljust(4095))
    assert read_event_filter(file) == "status == 2\n"


def test_what_a_write_holds(file: FilterFile) -> None:
    write_event_filter(file, "")
    assert file.changes == 0
    write_event_filter(file, " status == 1 \n\0 && nosuch == 2")
    assert read_event_filter(file) == " status == 1\n"
    write_event_filter(file, " 0 \n")
    assert (file.filter, read_event_filter(file)) == (None, "none\n")


def test_a_refused_filter_takes_the_old_one_along(file: FilterFile) -> None:
    write_event_filter(file, "status == 1")
    with pytest.raises(FilterError):
        write_event_filter(file, "status = 1")
    assert file.filter is None
    assert file.changes == 2


def test_a_triggers_filter_leaves_the_file_alone(file: FilterFile) -> None:
    with pytest.raises(FilterError):
        create_trigger_filter(file, "status = 1")
    assert read_event_filter(file) == "none\n"
    assert file.array.error_log.entries()[-1].endswith(
        "event filter parse error: error: Invalid operator\n"
        "  Command: status = 1\n" + " " * (11 + 8) + "^\n"
    )
