"""The order in which folders list their entries, their links and modes, as four kernels had them.

The kernels had two CPUs and did what ``client`` does.  They were Debian's, in whose ``events``
there is far more, and which have tracers: what only they have is not in the recordings.
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
MODES: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("recorded").joinpath("modes.json").read_text()
)
"""Paths relative to the tracing folder, by kernel and mode."""


@pytest.fixture(params=sorted(RECORDED))
def kernel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(kernel: str) -> Client:
    client = Client(tracefs_tree(Tracing(kernel, ManualSource(), cpus=2, inject=False)), Request(1))
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
        assert here == recorded.split(), path


def test_links(client: Client, kernel: str) -> None:
    for path, recorded in RECORDED[kernel]["links"].items():
        assert folder(client, path).links == recorded, path


def test_modes(kernel: str) -> None:
    tree = tracefs_tree(Tracing(kernel, ManualSource(), inject=False))
    client = Client(tree, Request(1))
    client.answer(["mkdir", "instances/i"])
    client.write("dynamic_events", "s:syn int x\n", "append")
    for mode, paths in MODES[kernel].items():
        for path in paths.split():
            node = tree if path == "." else client.node(path)
            assert f"{node.mode:o}" == mode, path


BTF_IDS = {
    "mm_collapse_huge_page": (30122, 114852),
    "mm_collapse_huge_page_isolate": (30123, 114853),
    "mm_collapse_huge_page_swapin": (30124, 114854),
    "mm_khugepaged_collapse_file": (30136, 114866),
    "mm_khugepaged_scan": (30137, 114867),
    "mm_khugepaged_scan_file": (30138, 114868),
    "mm_khugepaged_scan_pmd": (30139, 114869),
}
"""Content of ``btf_ids`` in a stock 7.3.4."""


def test_btf_ids() -> None:
    """The same in an instance as at the top."""
    client = Client(tracefs_tree(Tracing("7.3", ManualSource(), inject=False)), Request(1))
    client.answer(["mkdir", "instances/i"])
    for name, (raw, tp) in BTF_IDS.items():
        for above in ("", "instances/i/"):
            answer = client.answer(["read", f"{above}events/huge_memory/{name}/btf_ids"])
            assert answer == ("OK", f"btf_obj_id: 1\nraw_btf_id: {raw}\ntp_btf_id: {tp}\n")
