"""Counters of vmstat for huge pages that have to be made, as asked of each kernel."""

from __future__ import annotations

import pytest

from engine import Machine
from engine.scene.stage import Stage
from engine.versions import VERSIONS

PREFIXES = ("compact_", "allocstall_", "pgscan", "pgsteal")
COLLAPSE_IN_VAIN = {"allocstall_movable": 1, "compact_stall": 2, "compact_fail": 2}
FAULT_IN_VAIN = {"allocstall_movable": 1, "compact_stall": 3, "compact_fail": 3}
COMPACTED = {"compact_stall": 1, "compact_success": 1}
SHORT = {"allocstall_movable": 2}

ENTER = "map anon 1; write 0 511; {}; enter"
FORCED = "map anon 1; write 0 511; {}; advise collapse 0 511"
FAULT = "map anon 1; {}; advise hugepage 0 511; write 0 0"
SHMEM = "map shmem 1; {}; advise hugepage 0 511; write 0 0"
NO_DEFRAG = "knob khugepaged/defrag 0; "
NO_FAULT_DEFRAG = "knob defrag never; "

CASES = [
    (ENTER.format("fragment 0"), COLLAPSE_IN_VAIN),
    (ENTER.format("fragment 0 1"), COMPACTED),
    (ENTER.format("fragment 1"), {}),
    (ENTER.format("memory 100"), SHORT),
    (NO_DEFRAG + ENTER.format("fragment 0"), {}),
    (NO_DEFRAG + ENTER.format("fragment 0 1"), {}),
    (NO_DEFRAG + ENTER.format("memory 100"), {}),
    (FORCED.format("fragment 0"), COLLAPSE_IN_VAIN),
    (NO_DEFRAG + FORCED.format("fragment 0"), COLLAPSE_IN_VAIN),
    (FORCED.format("memory 100"), SHORT),
    (FAULT.format("fragment 0"), FAULT_IN_VAIN),
    (FAULT.format("fragment 0 1"), COMPACTED),
    (FAULT.format("memory 100"), SHORT),
    (NO_FAULT_DEFRAG + FAULT.format("fragment 0 1"), {}),
    (SHMEM.format("fragment 0"), FAULT_IN_VAIN),
    (NO_FAULT_DEFRAG + SHMEM.format("fragment 0"), {}),
]


@pytest.mark.parametrize("kernel", VERSIONS)
@pytest.mark.parametrize(("script", "moved"), CASES)
def test_counters(kernel: str, script: str, moved: dict[str, int]) -> None:
    machine = Machine(kernel, workload="idle")
    Stage(machine).play(script.split("; "))
    found = {n: v for n, v in machine.vmstat.items() if v and n.startswith(PREFIXES)}
    assert found == moved
