"""What can't be done while ``trace`` or ``snapshot`` is open: asked of real kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.replay import Client
from tests.conformance.test_recorded import client_for
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
