"""A short run under load; a failure is told as ``python -m tests.load`` tells it."""

from __future__ import annotations

import pytest

from tests.load.run import Plan, run


@pytest.mark.usefixtures("machine_can_mount")
def test_short_run() -> None:
    assert run(Plan("7.3", seconds=8)).faults == []
