"""The counters that the engine keeps stand where kernels have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import vmstat
from engine.versions import VERSIONS

RECORDED = json.loads(Path(__file__).with_name("vmstat.json").read_text())
"""The names in /proc/vmstat of each kernel, in its order."""


@pytest.mark.parametrize("kernel", sorted(VERSIONS))
def test_names(kernel: str) -> None:
    kept = vmstat.names(VERSIONS[kernel])
    assert kept == tuple(name for name in RECORDED[kernel] if name in set(kept))
    assert {name for name in RECORDED[kernel] if name.startswith("thp_")} <= set(kept)
