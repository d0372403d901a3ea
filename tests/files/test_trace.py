"""What can't be done while ``trace`` or ``snapshot`` is open: asked of real kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.replay import Client
from tests.conformance.test_recorded import client_for
from tracefs_fuse.files.node import OpenFile
from tracefs_fuse.tracing.versions import VERSIONS

ENABLE = "events/huge_memory/enable"


@pytest.fixture(params=sorted(VERSIONS))
def client(request: pytest.FixtureRequest) -> Client:
    return client_for(request.param)


@contextmanager
def opened(client: Client, path: str, flags: int = os.O_RDONLY) -> Iterator[None]:
    file = client.file(path).open(client.request, flags)
    yield
    file.release()


def status(client: Client, path: str, text: str) -> str:
    return client.answer(["write", path, f"{text}\n", "plain"])[0]


def test_events_are_enabled_in_a_small_buffer_at_the_second_try(client: Client) -> None:
    with opened(client, "trace"):
        assert status(client, ENABLE, "1") == "EBUSY"
        assert status(client, ENABLE, "1") == "OK"
        assert client.read("buffer_size_kb") == "7\n"


def test_who_only_writes_is_not_in_the_way(client: Client) -> None:
    with opened(client, "trace", os.O_WRONLY):
        assert status(client, "buffer_size_kb", "1412") == "OK"


def test_closing_free_buffer_says_nothing(client: Client) -> None:
    assert status(client, "buffer_size_kb", "1408") == "OK"
    before = client.read("buffer_size_kb")
    with opened(client, "trace"):
        assert status(client, "free_buffer", "x") == "OK"
        assert client.read("buffer_size_kb") == before
    assert status(client, "free_buffer", "x") == "OK"
    assert client.read("buffer_size_kb") == "7\n"


def test_snapshots(client: Client) -> None:
    with opened(client, "snapshot"):
        assert status(client, "snapshot", "1") == "EBUSY"
    assert status(client, "snapshot", "1") == "OK"
    with opened(client, "snapshot"):
        assert status(client, "snapshot", "1") == "OK"
        assert status(client, "snapshot", "1") == "OK"
        assert status(client, "buffer_size_kb", "1500") in ("EBUSY", "ENOMEM")


def events(file: OpenFile, client: Client, place: int) -> tuple[int, list[str]]:
    """Lines of a file that is read on from a place, and the place of its end."""
    data = b""
    while chunk := file.read(client.request, 4096, place, False):
        data, place = data + chunk, place + len(chunk)
    lines = data.decode("latin-1").splitlines()
    return place, [line.rpartition("mark_write: ")[2] for line in lines if line[:1] != "#"]


def played(client: Client, path: str, steps: str) -> list[list[str]]:
    """The lines that each ``-`` reads: > clears, numbers go to ``snapshot``, others are markers.

    The file is opened by the first ``-``.
    """
    client.write("buffer_size_kb", "100\n", "plain")
    file, place, shown = None, 0, []
    folder = path.rpartition("per_cpu")[0].rpartition("/")[0]
    for step in steps.split():
        client.tick()
        if step == "-":
            file = file or client.file(path).open(client.request, os.O_RDONLY)
            place, lines = events(file, client, place)
            shown.append(lines)
        elif step == ">":
            client.write(f"{folder}/trace".lstrip("/"), "", "trunc")
        elif step.isdigit():
            client.write(f"{folder}/snapshot".lstrip("/"), f"{step}\n", "plain")
        else:
            client.write(f"{folder}/trace_marker".lstrip("/"), f"{step}\n", "plain")
    assert file
    file.release()
    return shown


LOST = "CPU:0 [LOST EVENTS]"


@pytest.mark.parametrize("path", ["trace", "per_cpu/cpu0/trace"])
@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ("- a - - b c -", [[], ["a"], [], ["b", "c"]]),
        ("a - > - b - c -", [["a"], [], [], [LOST, "b", "c"]]),
        ("a b - > c - d - e -", [["a", "b"], [], [], [LOST, "c", "d", "e"]]),
        ("a - > b c d - e -", [["a"], [LOST, "b", "c", "d"], ["e"]]),
        ("a - 1 - b - 1 - c -", [["a"], [], [], [], ["c"]]),
        ("a 1 - b 1 - c - 1 -", [[], ["b"], [], []]),
        ("a 1 > b 1 - c - d -", [[], ["c"], ["d"]]),
        ("a 1 > b c d 1 e -", [["e"]]),
    ],
)
def test_a_file_is_read_on_behind_its_end(
    client: Client, path: str, steps: str, shown: list[list[str]]
) -> None:
    assert played(client, path, steps) == shown


def test_events_older_than_the_last_clear_are_not_counted(client: Client) -> None:
    played(client, "trace", "a 1 > b 1 -")
    assert "entries-in-buffer/entries-written: 0/0 " in client.read("trace")
    played(client, "trace", "c -")
    assert "entries-in-buffer/entries-written: 1/1 " in client.read("trace")


@pytest.mark.parametrize(
    ("version", "shown"), [("6.1", ["a"]), ("6.12", ["a"]), ("6.18", ["a"]), ("7.3", [])]
)
@pytest.mark.parametrize("clear", "02")
def test_a_snapshot_of_events_older_than_its_last_clear(
    version: str, clear: str, shown: list[str]
) -> None:
    client = client_for(version)
    assert played(client, "snapshot", f"1 a {clear} 1 -") == [shown]
    assert played(client, "snapshot", f"{clear} b 1 -") == [["b"]]


def test_a_snapshot_that_is_taken_while_it_is_open(client: Client) -> None:
    """The file keeps the ring that it was opened with."""
    for text in ("one", "two"):
        assert status(client, "trace_marker", text) == "OK"
        if text == "one":
            assert status(client, "snapshot", "1") == "OK"
    assert played(client, "snapshot", "- 1 - three - 1 -") == [["one"], [], ["three"], []]


def test_a_freed_snapshot_can_be_allocated_while_its_events_are_shown(client: Client) -> None:
    for value in "1", "1":
        assert status(client, "snapshot", value) == "OK"
    with opened(client, "snapshot"):
        assert [status(client, "snapshot", value) for value in "1120101"] == ["OK"] * 7
    with opened(client, "snapshot"):
        assert status(client, "snapshot", "0") == "OK"
        assert status(client, "buffer_size_kb", "200") == "OK"
        assert status(client, "snapshot", "1") == "EBUSY"
    assert status(client, "snapshot", "1") == "OK"
