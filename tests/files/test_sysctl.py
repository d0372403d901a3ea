"""``/proc/sys/kernel``: what kernels answered to each write, and showed after it."""

from __future__ import annotations

import errno

import pytest

from engine import Machine
from engine.versions import VERSIONS
from tracefs_fuse.files.node import Directory, File, Node, Request
from tracefs_fuse.files.proc import proc_tree
from tracefs_fuse.files.proc.version import BUILD

REQUEST = Request(1)
WRITES = {
    ("7.3", "ftrace_enabled"): "0 EOPNOTSUPP 1, 1 OK 1, 2 OK 2, -1 OK -1, x EINVAL -1, "
    "0x0 EOPNOTSUPP 1",
    ("6.12", "ftrace_enabled"): "2 OK 2, -1 OK -1, x EINVAL -1, 0 OK 0, 0x1 OK 1, 1x EINVAL 1, "
    "99999999999 EINVAL 1",
    **{
        (kernel, "pid_max"): "0 EINVAL 32768, -1 EINVAL 32768, 300 EINVAL 32768, 301 OK 301, "
        "4194304 OK 4194304, 4194305 EINVAL 4194304, x EINVAL 4194304, 0x1000 OK 4096"
        for kernel in VERSIONS
    },
    **{(kernel, "version"): f"0 EACCES {BUILD}" for kernel in VERSIONS},
    ("6.12", "kptr_restrict"): "0 OK 0, -1 EINVAL 0, 2 OK 2, 3 EINVAL 2, 1x EINVAL 2, 1 OK 1",
}
"""Text written, status, and what a read shows then."""


def file_at(tree: Directory, path: str) -> File:
    node: Node | None = tree
    for name in path.split("/"):
        assert isinstance(node, Directory)
        node = node.lookup(name)
    assert isinstance(node, File)
    return node


def sysctl(kernel: str, name: str) -> File:
    return file_at(proc_tree(Machine(kernel, workload="idle")), f"sys/kernel/{name}")


def written(file: File, text: str) -> str:
    try:
        file.open(REQUEST, 1).write(REQUEST, text.encode(), 0)
    except OSError as error:
        return errno.errorcode[error.errno or 0].replace("ENOTSUP", "EOPNOTSUPP")
    return "OK"


@pytest.mark.parametrize(("kernel", "name"), WRITES)
def test_writes(kernel: str, name: str) -> None:
    file = sysctl(kernel, name)
    for step in WRITES[kernel, name].split(", "):
        text, status, shown = step.split(maxsplit=2)
        assert (step, written(file, f"{text}\n")) == (step, status)
        assert file.open(REQUEST, 0).read(REQUEST, 100, 0, False) == f"{shown}\n".encode()


@pytest.mark.parametrize(("text", "status"), [("\n", "EINVAL"), ("1 2\n", "OK"), (" 0 \n", "OK")])
def test_the_first_number_counts(text: str, status: str) -> None:
    assert written(sysctl("6.12", "ftrace_enabled"), text) == status


def test_addresses_can_be_hidden() -> None:
    tree = proc_tree(Machine("6.12", workload="idle"))
    kallsyms = file_at(tree, "kallsyms")
    first = kallsyms.open(REQUEST, 0).read(REQUEST, 19, 0, False)
    assert first.startswith(b"ffffffff")
    assert first.endswith(b" T ")
    assert written(file_at(tree, "sys/kernel/kptr_restrict"), "2") == "OK"
    assert kallsyms.open(REQUEST, 0).read(REQUEST, 19, 0, False) == b"0" * 16 + b" T "
