"""The order in which folders list their entries, and their links, as four kernels had them.

The kernels had two CPUs and did what ``client`` does.  They were Debian's, in whose ``events``
there is far more, and where nothing can be injected: what only one side has is not compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.replay import Client
from tracefs_fuse.files.node import Directory, Request
from tracefs_fuse.files.tracefs import tracefs_tree
from tracefs_fuse.tracing.source import ManualSource
from tracefs_fuse.tracing.tracing import Tracing

RECORDED: dict[str, Any] = json.loads(
    Path(__file__).with_name("recorded").joinpath("listing.json").read_text()
)
ONLY_HERE = {"inject", "tracing_max_latency"}


@pytest.fixture(params=sorted(RECORDED))
def kernel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(kernel: str) -> Client:
    client = Client(tracefs_tree(Tracing(kernel, ManualSource(), cpus=2)), Request(1))
    for name in ("b", "a", "c"):
        client.answer(["mkdir", f"instances/{name}"])
    for name in ("syn_b", "syn_a", "syn_c"):
        client.write("dynamic_events", f"s:{name} int x\n", "append")
    client.answer(["mkdir", "instances/d"])
    return client


def folder(client: Client, path: str) -> Directory:
    node = client.root if path == "." else client.node(path)
    assert isinstance(node, Directory)
    return node


def test_order(client: Client, kernel: str) -> None:
    for path, recorded in RECORDED[kernel]["names"].items():
        here = list(folder(client, path).children())
        only_here = ONLY_HERE.difference(recorded.split())
        assert [name for name in here if name not in only_here] == recorded.split(), path


def test_links(client: Client, kernel: str) -> None:
    for path, recorded in RECORDED[kernel]["links"].items():
        assert folder(client, path).links == recorded, path
