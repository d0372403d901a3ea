"""trace-cmd record and its kin read raw pages: what they show is what ``trace`` shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, TRACEFS_FUSE
from tracefs_fuse.tracing.versions import VERSIONS

pytestmark = [
    pytest.mark.usefixtures("machine_can_mount"),
    pytest.mark.skipif(shutil.which("trace-cmd") is None, reason="needs trace-cmd"),
]

Event = tuple[str, ...]
"""Task, CPU, name and fields."""

COPY = "/sys/kernel/tracing/instances/copy"
MARKERS = 1500
SUMMARY = re.compile(r"CPU ?\d+( data recorded at offset.*|:.*)| +\d+ bytes in size.*|Buffer:.*|")
"""What trace-cmd record says of each CPU at its end."""

LINE = re.compile(r"(?:other:)? *(\S+)-\d+ +(?:\S+ +)?\[(\d+)\].*?: +(\w+): +(.*)")


def in_shell(folder: Path, script: str, *options: str) -> str:
    """What a script prints in a lab's shell; nothing may be complained about."""
    done = subprocess.run(
        [*TRACEFS_FUSE, "shell", *options, "--", "sh", "-euc", f"cd {folder}\n{script}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if not SUMMARY.fullmatch(line)]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def events(text: str) -> list[Event]:
    """The huge_memory events of a trace; without pointers, which ``trace`` hides."""
    lines = [match.groups() for line in text.splitlines() if (match := LINE.fullmatch(line))]
    return [
        (task, cpu, name, re.sub(r"mm=\S+", "mm", fields))
        for task, cpu, name, fields in lines
        if name.startswith("mm_")
    ]


def is_part(part: list[Event], whole: list[Event]) -> bool:
    """All of it stands in the whole, without a gap."""
    starts = (at for at, event in enumerate(whole) if event == part[0])
    return any(whole[at : at + len(part)] == part for at in starts)


def record_beside_copy(folder: Path, options: str, *shell_options: str) -> tuple[str, str]:
    """What trace-cmd reports, and the ``trace`` of an instance that sees the events for longer."""
    said = in_shell(
        folder,
        f"mkdir {COPY}\n"
        f"echo 1 > {COPY}/events/huge_memory/enable\n"
        f"trace-cmd record -q {options} -e huge_memory sleep 1\n"
        f"echo 0 > {COPY}/tracing_on\n"
        "trace-cmd report\n"
        "echo BOTH\n"
        f"cat {COPY}/trace\n",
        "--speed",
        "30",
        *shell_options,
    )
    report, _, shown = said.partition("BOTH\n")
    assert "EVENTS DROPPED" not in report
    return report, shown


@pytest.mark.parametrize("kernel", sorted(VERSIONS))
def test_report_shows_what_trace_shows(kernel: str, tmp_path: Path) -> None:
    report, shown = record_beside_copy(tmp_path, "", "--kernel", kernel)
    found = events(report)
    assert len(found) > 20
    assert is_part(found, events(shown))


@pytest.mark.parametrize(
    "options", ["--nosplice", "-s 100000", "-b 40", "-p nop", "-T", "-B other"]
)
def test_options_of_record(options: str, tmp_path: Path) -> None:
    report, shown = record_beside_copy(tmp_path, options)
    assert len(events(report)) > 20
    assert is_part(events(report), events(shown))


def test_extract(tmp_path: Path) -> None:
    """The buffer is shown, then taken away in pages."""
    said = in_shell(
        tmp_path,
        "trace-cmd start -q -e huge_memory; sleep 1; trace-cmd stop\n"
        "cat /sys/kernel/tracing/trace; echo BOTH\n"
        "trace-cmd extract >extract.log; trace-cmd report\n",
    )
    shown, _, report = said.partition("BOTH\n")
    assert len(events(shown)) > 20
    assert events(report) == events(shown)


def test_stream(tmp_path: Path) -> None:
    """Comes in portions, as soon as half of the buffer is filled."""
    (tmp_path / "mark.sh").write_text(
        f"for i in $(seq {MARKERS}); do echo $i > /sys/kernel/tracing/trace_marker; done\nsleep 1\n"
    )
    said = in_shell(
        tmp_path, "trace-cmd stream -b 40 -e huge_memory sh mark.sh", "--workload=idle", "--cpus=1"
    )
    seen = [int(line.split()[-1]) for line in said.splitlines()]
    assert len(seen) > MARKERS // 2
    assert seen == list(range(1, len(seen) + 1))
