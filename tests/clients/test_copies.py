"""Copying and searching folders of events, as people do to keep or compare formats."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import MountLab
from tracefs_fuse.tracing.versions import VERSIONS

_COMMANDS = (
    "cp -r instances/a/events/huge_memory events/synthetic {}",
    "tar -cf {}/x.tar events/huge_memory",
    "grep -r ^name: events/huge_memory events/synthetic",
)


@pytest.mark.parametrize("kernel", VERSIONS)
def test_without_inject_everything_can_be_read(
    kernel: str, mount_lab: MountLab, tmp_path: Path
) -> None:
    options = ("--kernel", kernel, "--workload", "idle", "--cpus", "1", "--no-inject")
    tracing = mount_lab(*options) / "sys/kernel/tracing"
    (tracing / "instances/a").mkdir()
    (tracing / "synthetic_events").write_text("syn int x\n")
    (tmp_path / "a").mkdir()
    assert not list(tracing.glob("**/inject"))
    for command in _COMMANDS:
        words = [word.format(tmp_path / "a") for word in command.split()]
        done = subprocess.run(words, cwd=tracing, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert "events/synthetic/syn/format:name: syn\n" in done.stdout
    copy = tmp_path / "a/huge_memory/mm_khugepaged_scan_pmd/format"
    assert copy.read_text().startswith("name: mm_khugepaged_scan_pmd\n")


def test_the_default_lab_has_inject_files(tracing: Path) -> None:
    event = tracing / "events/huge_memory/mm_khugepaged_scan_pmd"
    listing = sorted(entry.name for entry in event.iterdir())
    assert listing == ["enable", "filter", "format", "hist", "id", "inject", "trigger"]
