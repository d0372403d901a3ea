"""libtracefs, by ``events.c``: what it printed on Debian's kernels, and events of our own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import LabShell, needs
from tests.clients.recorded import compare, recorded
from tracefs_fuse.tracing.versions import VERSIONS

SOURCE = Path(__file__).with_name("events.c")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``events.c`` made a program."""
    program = tmp_path_factory.mktemp("events") / "events"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libtracefs"],
        capture_output=True,
        text=True,
        check=False,
    )
    if flags.returncode:
        pytest.skip("libtracefs-dev is missing")
    subprocess.run(
        ["gcc", "-Wall", "-Werror", "-o", program, SOURCE, *flags.stdout.split()],
        check=True,
    )
    return program


@needs("gcc", "pkg-config")
@pytest.mark.parametrize("kernel", VERSIONS)
def test_libtracefs(kernel: str, lab_shell: LabShell, events: Path) -> None:
    compare(recorded("libtracefs", kernel), lab_shell(events, kernel=kernel, cpus=2))


@needs("gcc", "pkg-config")
@pytest.mark.parametrize("kernel", VERSIONS)
def test_libtracefs_with_events(kernel: str, lab_shell: LabShell, events: Path) -> None:
    """What the kernels of the recordings can't do: make events."""
    said = lab_shell(events, "inject", kernel=kernel)
    assert re.findall(r"^\{ status: +(\d).*hitcount: +(\d)  referenced: +(\d+)$", said, re.M) == [
        ("4", "2", "12"),
        ("1", "1", "1"),
    ]
    assert "\nfollowed: 5\nrecord: mm_khugepaged_scan_pmd mm=(nil), scan_pfn=0x0, " in said
    assert re.findall(r"collapse_time: (scan=1 collapse=1) lat=\d+$", said, re.M) == [
        "scan=1 collapse=1"
    ]
    assert "\nrecords: 4\niterate: 0\nrecords: 0\n" in said
