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
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import needs
from tests.conftest import ROOT
from tracefs_fuse.tracing.versions import VERSIONS

CALLS = Path(__file__).with_name("calls")
PARTS = 3
"""Of the nodes; a version plays one of them, for versions differ in little."""

ANY = ""
FOLDERS = r"(events|huge_memory|scan_pmd|ftrace|print|instances|calls|options|per_cpu|cpu0)$"
TEXTS = r"available_(events|tracers)|printk_formats|saved_cmdlines|smaps|kallsyms"

LIMITS = {
    "the kernel answers before it asks FUSE": [
        (r"^rename over", ANY, r"^(EXDEV|EACCES) "),
        (r"^(rmdir|unlink)$", ANY, r" (ENOTDIR|EISDIR)$"),
        (r"^mkdev child|noatime$", ANY, r" EPERM$"),
        (r"tmpfile$|^(set|remove)xattr", ANY, r" (EOPNOTSUPP|EPERM)$"),
        (r"^link new", ANY, r"^EPERM EACCES"),
        (r"^read 0$", ANY, r" none$"),
        (r"^write 0$", ANY, r" 0$"),
        (r"nowhere$", ANY, r" EFAULT$"),
        (r"mmap", ANY, ANY),
        (r"^p(read|write)|sendfile from", r"free_buffer$|saved_cmdlines_size$", r" ESPIPE$"),
        (r"^pwrite", ANY, r"^ESPIPE "),
        (r"^(writev parts|splice into|sendfile into)", ANY, r"^EINVAL "),
        (r"FS_IOC_GETFLAGS", r"trace_pipe$", r" EBUSY$"),
        (r"^(rename|link|unlink|rmdir|access|utimes|times)", r"^proc", ANY),
    ],
    "FUSE keeps the position": [
        (r"(append|write) position", ANY, r" \d+$"),
        (r"^rw? lseek (1<<40|cur 0)", ANY, r" 1099511627776$"),
        (r"^w lseek", ANY, r"^(0|EINVAL|5) "),
        (r"^r lseek (end|data|hole)", FOLDERS, r"^EINVAL "),
        (r"lseek -1", r"pagemap$", ANY),
        (r"getdents at", ANY, r" (EIO|none)$"),
    ],
    "no request comes for a value of an extended attribute": [(r"^getxattr", ANY, r" EOPNOTSUPP$")],
    "splice(2) of raw pages needs a size, and ends with an error": [
        (r"fstat", r"_raw$", ANY),
        (r"splice$", r"_raw$|trace_pipe$", r"E"),
    ],
    "reading and truncating change no times, and no group is asked for chmod": [
        (r"^times then", ANY, r" set set$"),
        (r"lstat after chmod", r"tracing_on$", ANY),
    ],
    "a lab has less": [
        (r"stat", r"^proc(/PID)?$|events$", r"links$"),
        (r"read|position", TEXTS, r"all|some|none|\d"),
        (r"^stat of long name", r"^proc$", ANY),
        (r"^chown|ioctl", r"^proc/PID/", r"EPERM|EINVAL"),
        (r"^(write|append|pwrite|rw read)", r"set_ftrace_filter$", ANY),
        (r"^write (4095|4096|8191)", r"^proc/sys", r" EINVAL$"),
        (r"^rw lseek 0, then read", r"saved_cmdlines_size$", ANY),
        (r"^pread 0", r"tracing_cpumask$|pagemap$", r"^EINVAL none$"),
    ],
}
"""Why a lab may answer otherwise: patterns of the call, the node, and both answers."""

Answers = dict[tuple[str, str], str]
"""By call and node."""


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


def is_limit(call: str, node: str, answers: str) -> bool:
    return any(
        re.search(of_call, call) and re.search(of_node, node) and re.search(of_answers, answers)
        for limits in LIMITS.values()
        for of_call, of_node, of_answers in limits
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
            if kernel != here and not is_limit(call, node, f"{kernel} {here}"):
                differing[f"{who}: {call}: {node}"] = f"kernel {kernel}, here {here}"
        assert nodes
    assert not differing
