"""tpoint of perf-tools, which is a shell script over the files of tracing."""

from __future__ import annotations

import re

import pytest

from tests.clients.conftest import EVENT, LabShell, needs
from tracefs_fuse.tracing.versions import VERSIONS

pytestmark = needs("tpoint-perf")

TPOINT = "huge_memory:mm_khugepaged_scan_pmd"


def tpoint(lab_shell: LabShell, command: str, kernel: str) -> str:
    """Runs a command where tpoint's lock file is nobody else's; says what it left in the lab."""
    left = f"cd /sys/kernel/tracing; cat {EVENT}/filter {EVENT}/enable; ls -A /var/tmp"
    script = f"mount -t tmpfs tmpfs /var/tmp; {command}; {left}"
    said = lab_shell("sh", "-c", script, kernel=kernel, workload="article")
    said, left, nothing = said.partition("none\n0\n")
    assert (left, nothing) == ("none\n0\n", "")
    return said


@pytest.mark.parametrize("kernel", VERSIONS)
def test_for_a_second(kernel: str, lab_shell: LabShell) -> None:
    said = tpoint(lab_shell, f"tpoint-perf -H -d 1 {TPOINT} 'status != 3'", kernel)
    assert said.startswith(f"Tracing {TPOINT} for 1 seconds (buffered)...\n# tracer: nop\n")
    lines = [line for line in said.splitlines() if "khugepaged-" in line]
    assert lines
    assert all(": mm_khugepaged_scan_pmd: mm=0000" in line for line in lines)


def test_until_interrupted(lab_shell: LabShell) -> None:
    said = tpoint(lab_shell, f"timeout -s INT 1.5 tpoint-perf {TPOINT}", "7.3")
    assert said.startswith(f"Tracing {TPOINT}. Ctrl-C to end.\n")
    assert said.count(": mm_khugepaged_scan_pmd: mm=0000") > 10
    assert said.endswith("\nEnding tracing...\n")


def test_stacks(lab_shell: LabShell) -> None:
    said = tpoint(lab_shell, f"tpoint-perf -s -d 1 {TPOINT}", "6.12")
    assert re.search(r"<stack trace>\n => \w+\n( => \w+\n)* => khugepaged\n", said)


def test_refusals(lab_shell: LabShell) -> None:
    said = tpoint(lab_shell, f"tpoint-perf -d 1 {TPOINT} 'nothing == 1'; tpoint-perf a:b", "6.18")
    assert "write error: Invalid argument\nERROR: setting filter or -p. Exiting.\n" in said
    assert said.endswith("ERROR: tracepoint a:b not found. Exiting\n")


def test_list(lab_shell: LabShell) -> None:
    said = tpoint(lab_shell, "tpoint-perf -l; tpoint-perf -v " + TPOINT, "6.1")
    assert f"{TPOINT}\nname: mm_khugepaged_scan_pmd\nID: " in said
