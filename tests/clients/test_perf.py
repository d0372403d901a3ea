"""perf: it lists the events; recording goes through perf_event_open(2), which is the machine's."""

from __future__ import annotations

import pytest

from tests.clients.conftest import LabShell, needs
from tracefs_fuse.tracing.versions import VERSIONS


@needs("perf")
@pytest.mark.parametrize("kernel", VERSIONS)
def test_list(kernel: str, lab_shell: LabShell) -> None:
    script = "ls /sys/kernel/tracing/events/huge_memory; perf list 'huge_memory:*'"
    lines = lab_shell("sh", "-c", script, kernel=kernel).splitlines()
    events = sorted(line for line in lines if line.startswith("mm_"))
    listed = [line.split()[0] for line in lines if line.endswith("[Tracepoint event]")]
    assert listed == [f"huge_memory:{event}" for event in events] != []
