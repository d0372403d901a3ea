"""Owners of an instance's files after chown(1) of ``instances``, as asked of each kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import MountLab

FILES = ("", "trace", "options/overwrite", "per_cpu/cpu0/stats")
EVENTS = ("events", "events/enable", "events/huge_memory/mm_collapse_huge_page/filter")
MADE, LATER, OWN = (7, 8), (11, 12), (20, 21)


def owners(instance: Path, files: tuple[str, ...]) -> set[tuple[int, int]]:
    shown = [(instance / file).stat() for file in files]
    return {(status.st_uid, status.st_gid) for status in shown}


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to give files away")
@pytest.mark.parametrize(("kernel", "follows"), [("6.1", False), ("6.12", True), ("7.3", True)])
def test_instance(mount_lab: MountLab, kernel: str, follows: bool) -> None:
    lab = mount_lab("--workload", "idle", "--cpus", "1", "--kernel", kernel)
    instances = lab / "sys/kernel/tracing/instances"
    os.chown(instances, *MADE)
    instances.chmod(0o2750)
    made = instances / "a"
    made.mkdir()
    assert owners(made, FILES + EVENTS) == {MADE}
    assert made.stat().st_mode & 0o7777 == 0o750
    os.chown(instances, *LATER)
    assert owners(made, FILES) == {LATER if follows else MADE}
    assert owners(made, EVENTS) == {MADE}
    os.chown(made, *OWN)
    assert owners(made, FILES[:1]) == {OWN}
    assert owners(made, FILES[1:]) == {LATER if follows else MADE}
