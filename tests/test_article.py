"""The session of the article, typed into real shells on a real mount."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import MountLab

SESSION = """\
cd {lab}/sys/kernel/tracing/events/huge_memory/mm_khugepaged_scan_pmd
ls
cat format
echo 'hist:keys=status:sort=hitcount' > trigger
echo 1 > enable
sleep 1
cat hist
cat ../../../trace | head -30
"""
SHELLS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
VIRTUAL_SECONDS = "100"
"""A second of the test is as long as the ten seconds of the article at the usual speed."""

ENTRY = re.compile(r"\{ status: +(\d+) \} hitcount: +(\d+)")


@pytest.mark.parametrize("shell", SHELLS)
def test_session(mount_lab: MountLab, shell: str) -> None:
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"no {shell} here; install it: sudo apt install {shell}-static")
    lab = mount_lab("--speed", VIRTUAL_SECONDS)
    done = subprocess.run(
        [*SHELLS[shell], "-e"],
        input=SESSION.format(lab=lab),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("enable\nfilter\nformat\nhist\nid\ninject\ntrigger\n")
    assert "name: mm_khugepaged_scan_pmd\nID: 689\n" in done.stdout
    counts = {int(status): int(hits) for status, hits in ENTRY.findall(done.stdout)}
    assert {1, 3, 4, 5, 6, 7} <= set(counts)
    assert list(counts.values()) == sorted(counts.values())
    assert max(counts, key=lambda status: counts[status]) == 4
    assert sum(counts.values()) > 300
    assert "# tracer: nop\n#\n# entries-in-buffer/entries-written: " in done.stdout
    assert re.search(r"^ +khugepaged-\d+ +\[00\d\] \S{5} +\d+\.\d{6}: mm_khug", done.stdout, re.M)


def test_tree(mount_lab: MountLab) -> None:
    """Each path of an article is there, with the kernel's mode."""
    lab = mount_lab()
    modes = {
        "sys/kernel/tracing": 0o700,
        "sys/kernel/tracing/trace": 0o640,
        "sys/kernel/tracing/trace_pipe": 0o440,
        "sys/kernel/tracing/events/huge_memory/enable": 0o640,
        "sys/kernel/debug/tracing/available_events": 0o440,
        "sys/kernel/mm/transparent_hugepage/enabled": 0o644,
        "sys/kernel/mm/transparent_hugepage/khugepaged/full_scans": 0o444,
        "proc/vmstat": 0o444,
        "proc/sys/kernel/ftrace_enabled": 0o644,
    }
    assert {path: (lab / path).stat().st_mode & 0o777 for path in modes} == modes
    processes = [path for path in (lab / "proc").iterdir() if path.name.isdigit()]
    assert processes
    for process in processes:
        assert re.fullmatch(r".{1,15}\n", Path(process, "comm").read_text())
