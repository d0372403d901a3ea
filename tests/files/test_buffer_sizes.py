"""When buffers grow to their default size, as kernels answered when asked."""

from __future__ import annotations

import pytest

from tests.conformance.test_recorded import client_for

_SMALL, _LARGE = "7", "1410"
_TO_GROW = " (expanded: 1408)"
_TRIGGER = "events/huge_memory/mm_khugepaged_scan_pmd/trigger"


@pytest.mark.parametrize(
    ("kernel", "path", "data", "top", "instance"),
    [
        ("6.1", "tracing_on", "1", _SMALL + _TO_GROW, _LARGE + _TO_GROW),
        ("7.3", "tracing_on", "1", _SMALL + _TO_GROW, _LARGE),
        ("7.3", "trace_marker", "x", _SMALL + _TO_GROW, _LARGE),
        ("7.3", _TRIGGER, "snapshot", _SMALL + _TO_GROW, _LARGE),
        ("7.3", "events/enable", "2", _SMALL + _TO_GROW, _LARGE),
        ("6.1", "events/enable", "0", _LARGE, _LARGE),
        ("7.3", "events/enable", "0", _LARGE, _LARGE),
        ("7.3", "current_tracer", "nop", _LARGE, _LARGE),
        ("7.3", "current_tracer", "x", _LARGE, _LARGE),
        ("7.3", "set_event", "x", _LARGE, _LARGE),
        ("7.3", "set_event_pid", "x", _LARGE, _LARGE),
        ("7.3", "snapshot", "0", _LARGE, _LARGE),
        ("7.3", "snapshot", "x", _LARGE, _LARGE),
        ("6.1", "instances/a/events/enable", "1", _LARGE, _LARGE),
        ("6.1", "instances/a/set_event_pid", "1", _LARGE, _LARGE),
        ("6.1", "instances/a/snapshot", "1", _LARGE, _LARGE),
        ("6.1", "instances/a/current_tracer", "nop", _SMALL, _LARGE),
        ("6.1", "instances/a/buffer_size_kb", "100", _SMALL, "103"),
        ("7.3", "instances/a/events/enable", "1", _SMALL + _TO_GROW, _LARGE),
        ("7.3", "instances/a/buffer_size_kb", "100", _SMALL + _TO_GROW, "103"),
    ],
)
def test_first_use(kernel: str, path: str, data: str, top: str, instance: str) -> None:
    client = client_for(kernel)
    client.answer(["mkdir", "instances/a"])
    client.answer(["write", path, data, "plain"])
    assert client.read("buffer_size_kb") == f"{top}\n"
    assert client.read("per_cpu/cpu0/buffer_size_kb") == f"{top.removesuffix(_TO_GROW)}\n"
    assert client.read("instances/a/buffer_size_kb") == f"{instance}\n"


@pytest.mark.parametrize("path", ["events/enable", "set_event_pid", "current_tracer", "snapshot"])
def test_buffers_that_are_read_grow_no_more(path: str) -> None:
    client = client_for("7.3")
    word = "nop" if path == "current_tracer" else "1"
    reader = client.file("trace").open(client.request, 0)
    assert client.answer(["write", path, word, "trunc"])[0] == "EBUSY"
    assert client.read("buffer_size_kb") == f"{_SMALL}\n"
    reader.release()
    assert client.answer(["write", path, word, "trunc"])[0] == "OK"
    assert client.read("buffer_size_kb") == f"{_SMALL}\n"


def test_sizes_are_told_as_they_were_when_set() -> None:
    client = client_for("7.3")
    told = []
    for path, kilobytes in (
        ("buffer_subbuf_size_kb", 16),
        ("buffer_size_kb", 1408),
        ("buffer_subbuf_size_kb", 512),
        ("buffer_size_kb", 5000),
        ("buffer_subbuf_size_kb", 4),
        ("buffer_size_kb", 5000),
    ):
        client.answer(["write", path, str(kilobytes), "trunc"])
        told.append(client.read("buffer_size_kb"))
        assert client.read("buffer_total_size_kb") == told[-1]
    assert told == [f"{_SMALL}{_TO_GROW}\n", "1422\n", "1422\n", "5119\n", "5119\n", "5000\n"]
