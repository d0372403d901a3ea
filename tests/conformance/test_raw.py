"""What real kernels answered readers of raw pages, pipes and ``trace``, asked of a real mount."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.raw_client import RawClient
from tests.conftest import MountLab
from tracefs_fuse.tracing.versions import VERSIONS

RECORDED = Path(__file__).with_name("raw")
DEFAULTS = [
    "write buffer_size_kb 1408",
    "write buffer_percent 50",
    "write tracing_on 1",
    "write options/overwrite 1",
    "write tracing_cpumask 3",
    "write trace_clock local",
]


@pytest.fixture
def on_one_cpu() -> Iterator[None]:
    """As the recorder was, so that all markers are in one buffer."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("on_one_cpu")
@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_recorded(mount_lab: MountLab, version: str) -> None:
    lab = mount_lab("--kernel", version, "--workload", "idle", "--cpus", "2")
    client = RawClient(lab / "sys/kernel/tracing")
    differing = {}
    for case in json.loads((RECORDED / f"{version}.json").read_text()):
        timed = "time extends" in case["name"]
        begin = [*DEFAULTS, *([] if timed else ["write trace_clock counter"]), "trunc trace "]
        client.play([(request, "OK") for request in begin])
        answers = client.play(case["steps"])
        for (request, expected), answer in zip(case["steps"], answers, strict=True):
            if answer != expected:
                differing[f"{case['name']}: {request}"] = f"kernel {expected}, here {answer}"
    assert not differing
