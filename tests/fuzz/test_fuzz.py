"""A short run of the fuzzer; a failure is told as ``python -m tests.fuzz`` tells it."""

from __future__ import annotations

import pytest

from tests.fuzz.core import CoreLab
from tests.fuzz.generator import Generator
from tests.fuzz.mount import MountedLab
from tests.fuzz.sequence import play
from tracefs_fuse.tracing.versions import VERSIONS


@pytest.mark.parametrize("kernel", sorted(VERSIONS))
def test_core(kernel: str) -> None:
    for number in range(20):
        requests = Generator(kernel, CoreLab.operations, f"suite {number}").sequence(60)
        assert play(lambda: CoreLab(kernel), requests) is None


@pytest.mark.usefixtures("machine_can_mount")
def test_mount() -> None:
    requests = Generator("7.3", MountedLab.operations, "suite").sequence(150)
    assert play(lambda: MountedLab("7.3"), requests) is None
