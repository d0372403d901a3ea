"""How each modifier shows a key, also where names come from the task."""

from __future__ import annotations

import pytest

from tests.tracing.hist.lab import HistLab

EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"

SHOWN = {
    "common_pid.execname": "{ common_pid: sh              [         1] } hitcount:          1",
    "common_pid.execname,status": (
        "{ common_pid: sh              [         1], status:          4 } hitcount:          1"
    ),
    "common_pid.syscall": f"{{ common_pid: {'sys_write':<30}[  1] }} hitcount:          1",
    "status.hex": "{ status: 4 } hitcount:          1",
    "status.log2": "{ status: ~ 2^2  } hitcount:          1",
    "status.buckets=3": "{ status: ~ 3-5 } hitcount:          1",
}


@pytest.mark.parametrize("version", ["6.12", "7.3"])
@pytest.mark.parametrize("keys", SHOWN)
def test_key(version: str, keys: str) -> None:
    lab = HistLab(version)
    lab.write(f"{EVENT}/trigger", f"hist:keys={keys}", "append")
    lab.write(f"{EVENT}/inject", "status=4", "plain")
    assert f"\n{SHOWN[keys]}\n" in (lab.read(f"{EVENT}/hist") or "")
