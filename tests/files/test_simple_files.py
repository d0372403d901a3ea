"""Files whose text is made at each read: as asked of real kernels."""

from __future__ import annotations

import os

import pytest

from tests.conformance.replay import Client
from tests.conformance.test_recorded import client_for
from tracefs_fuse.files.node import OpenFile
from tracefs_fuse.tracing.versions import VERSIONS

EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"


@pytest.fixture(params=sorted(VERSIONS))
def client(request: pytest.FixtureRequest) -> Client:
    return client_for(request.param)


def read(client: Client, opened: OpenFile, size: int, place: int) -> bytes:
    return opened.read(client.request, size, place, False)


@pytest.mark.parametrize(
    ("path", "written", "before", "behind"),
    [
        ("buffer_size_kb", "1000", b"7", b"000\n"),
        ("per_cpu/cpu0/buffer_size_kb", "1000", b"7", b"000\n"),
        ("buffer_percent", "100", b"5", b"00\n"),
        ("tracing_on", "0", b"1", b"\n"),
        ("tracing_thresh", "64", b"0", b"4\n"),
        ("options/raw", "1", b"0", b"\n"),
        (f"{EVENT}/enable", "1", b"0", b"\n"),
        ("events/huge_memory/enable", "1", b"0", b"\n"),
        ("events/enable", "1", b"0", b"\n"),
    ],
)
def test_a_read_goes_on_in_the_text_of_the_moment(
    client: Client, path: str, written: str, before: bytes, behind: bytes
) -> None:
    opened = client.file(path).open(client.request, os.O_RDONLY)
    assert read(client, opened, 1, 0) == before
    client.write(path, f"{written}\n", "plain")
    assert read(client, opened, 99, 1) == behind
    assert read(client, opened, 99, 1 + len(behind)) == b""
    assert read(client, opened, 99, 0) == client.read(path).encode()
    opened.release()


def test_stats_that_grow(client: Client) -> None:
    opened = client.file("per_cpu/cpu0/stats").open(client.request, os.O_RDONLY)
    assert read(client, opened, 9, 0) == b"entries: "
    for _ in range(10):
        client.write("trace_marker", "x\n", "plain")
    assert read(client, opened, 3, 9) == b"10\n"
    opened.release()


def test_a_list_goes_on_in_the_text_that_it_had(client: Client) -> None:
    opened = client.file("trace_clock").open(client.request, os.O_RDONLY)
    assert read(client, opened, 3, 0) == b"[lo"
    client.write("trace_clock", "global\n", "plain")
    assert read(client, opened, 12, 3) == b"cal] global "
    opened.release()
