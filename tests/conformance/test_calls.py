"""What real kernels answered to system calls on all kinds of nodes, asked of a real mount.

``calls/calls.c`` makes the calls: as root, as an ordinary user, and while another file is open.
``calls/VERSION.json`` has what it printed on stock kernels with one CPU: for each call its answers,
each with the numbers of the nodes that gave it; ``*`` is all others, ``-`` no such call.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import needs
from tests.conftest import ROOT
from tracefs_fuse.tracing.versions import VERSIONS

CALLS = Path(__file__).with_name("calls")
PARTS = 2
"""Of the nodes; a version plays one of them, for versions differ in little."""

ANY = ""
FOLDERS = r"(events|huge_memory|scan_pmd|ftrace|print|instances|calls|options|per_cpu|cpu0)$"
PROCESS = r"^proc/PID"

LIMITS = {
    "the kernel answers for FUSE before it asks": [
        (r"^(rename|rmdir|unlink|mkdev|link new|link child|removexattr|setxattr)", ANY),
        (
            r"tmpfile|noatime|access w|read 0|write 0|nowhere|mmap|preadv?|pwritev?|writev parts",
            ANY,
        ),
        (r"splice|sendfile", r"pipe|_raw$|free_buffer$|saved_cmdlines_size$"),
        (r"(splice|sendfile) into", ANY),
        (r"FS_IOC_GETFLAGS", r"trace_pipe$"),
    ],
    "FUSE keeps the position": [
        (r"lseek (1<<40|cur 0)|(append|write) position", ANY),
        (r"lseek (end|data|hole)|getdents at", FOLDERS + r"|transparent_hugepage|^proc"),
        (r"^w lseek|lseek -1", ANY),
    ],
    "libfuse asks for no values of extended attributes that it may not have": [
        (r"getxattr", r"transparent_hugepage|/cpu/"),
        (r"getxattr user", ANY),
    ],
    "splice(2) of raw pages needs a size": [(r"fstat", "_raw$")],
    "reading and truncating change no times, and no group is asked for chmod": [
        (r"times then", ANY),
        (r"lstat after chmod", "tracing_on$"),
    ],
    "a lab has less": [
        (r"stat", r"^proc(/PID)?$|events$"),
        (
            r"read|position",
            r"available_(events|tracers)|printk_formats|saved_cmdlines|smaps|kallsyms",
        ),
        (r"stat of long name|utimes|chown|ioctl", r"^proc$|" + PROCESS),
        (r"^(write|append|rw read)", r"set_ftrace_filter$|^proc/sys"),
        (r"rw lseek 0, then read", r"saved_cmdlines_size$"),
    ],
}
"""Why a lab may answer otherwise, by call and node."""

Answers = dict[tuple[str, str], str]
"""By call and node."""

Play = Callable[..., str]


def recorded(version: str, who: str) -> Answers:
    document = json.loads((CALLS / f"{version}.json").read_text())[who]
    nodes: list[str] = document["nodes"]
    answers: Answers = {}
    for call, groups in document["calls"].items():
        for answer, of in sorted(groups.items(), key=lambda group: group[1] != "*"):
            named = nodes if of == "*" else [nodes[int(number)] for number in of.split()]
            answers |= {(call, node): answer for node in named}
    return answers


def printed(text: str) -> Answers:
    lines = (line.split("\t") for line in text.splitlines())
    return {(call, node): answer for call, node, answer in lines}


def is_limit(call: str, node: str) -> bool:
    return any(
        re.search(of_call, call) and re.search(of_node, node)
        for limits in LIMITS.values()
        for of_call, of_node in limits
    )


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``calls.c`` made a program."""
    program = tmp_path_factory.mktemp("calls") / "calls"
    subprocess.run(["gcc", "-w", "-o", program, CALLS / "calls.c"], check=True, timeout=60)
    return program


@pytest.fixture
def lab(machine_can_mount: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A lab that all users may enter."""
    if os.getuid():
        pytest.skip("needs root")
    folder = tmp_path / "lab"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.calls.serve", request.param, folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    yield folder
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=20)
    assert errors == ""


@needs("gcc")
@pytest.mark.parametrize(
    ("lab", "version", "part"),
    [(version, version, number % PARTS) for number, version in enumerate(VERSIONS)],
    indirect=["lab"],
    ids=list(VERSIONS),
)
def test_calls(calls: Path, lab: Path, version: str, part: int) -> None:
    differing = {}
    for who in ("held", "root", "user"):
        done = subprocess.run(
            [calls, lab, who, str(part), str(PARTS)],
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        answers = printed(done.stdout.decode("latin-1"))
        expected = recorded(version, who)
        nodes = {node for _, node in answers}
        for call, node in sorted(answers.keys() | {key for key in expected if key[1] in nodes}):
            kernel, here = expected.get((call, node), "-"), answers.get((call, node), "-")
            if kernel != here and not is_limit(call, node):
                differing[f"{who}: {call}: {node}"] = f"kernel {kernel}, here {here}"
        assert nodes
    assert not differing
