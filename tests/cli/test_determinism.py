"""The same lab at the same virtual moment has the same trace, in whichever process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.versions import VERSIONS
from engine.workloads import WORKLOADS
from tests.conftest import ROOT

READ_TRACE = """\
import sys
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.files.node import Request
kernel, workload, seed = sys.argv[1:]
lab = build_lab(LabOptions(kernel=kernel, workload=workload, seed=int(seed)))
def node(path):
    found = lab.root
    for part in path.split("/"):
        found = found.lookup(part)
    return found
who = Request(1)
tracing = "sys/kernel/tracing/"
node(tracing + "events/huge_memory/enable").open(who, 1).write(who, b"1", 0)
lab.machine.run_until(lab.machine.now + 60 * 10**9)
trace, at = node(tracing + "trace").open(who, 0), 0
while data := trace.read(who, 1 << 16, at, True):
    sys.stdout.buffer.write(data)
    at += len(data)
"""


def trace(kernel: str, workload: str, seed: int, hashes: str) -> bytes:
    """The file ``trace`` after a minute, read in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ_TRACE, kernel, workload, str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hashes},
        capture_output=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("workload", sorted(set(WORKLOADS) - {"idle", "host"}))
@pytest.mark.parametrize("kernel", VERSIONS)
def test_two_processes(kernel: str, workload: str) -> None:
    one, two = (trace(kernel, workload, 7, hashes) for hashes in ("1", "2"))
    assert one == two
    assert one.count(b"\n") > 20
    assert trace(kernel, workload, 8, "1") != one
