"""The files of transparent_hugepage as kernels listed, showed, took and refused them."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from engine import Machine
from tests.conformance.replay import Client
from tracefs_fuse.files.node import Directory, File, OpenFile, Request
from tracefs_fuse.files.thp import thp_tree

RECORDED = json.loads(Path(__file__).with_name("recorded").joinpath("thp.json").read_text())
"""Asked of root with one program.

``trees``: what a fresh kernel lists, in its order: for a file its mode, and its text where it was
read.  ``writes``: what became of one write(2) when a file held something else ``before``: OK and
the text then shown, or an errno.  ``steps``: requests in a row.
"""

KERNELS = sorted(RECORDED["trees"])


def client_for(kernel: str) -> Client:
    return Client(thp_tree(Machine(kernel, workload="idle")), Request(1))


def of_kernel(what: str, kernel: str) -> list[dict[str, Any]]:
    return [part for part in RECORDED[what] if kernel in part["kernels"]]


def listed(client: Client, folder: Directory, recorded: dict[str, Any]) -> list[str]:
    """Where a folder is not as it was recorded."""
    wrong = []
    if list(folder.children()) != list(recorded):
        wrong.append(f"{list(folder.children())} instead of {list(recorded)}")
    for name, wanted in recorded.items():
        node = folder.lookup(name)
        if isinstance(wanted, dict):
            assert isinstance(node, Directory)
            assert node.mode == 0o755
            wrong += listed(client, node, wanted)
            continue
        assert isinstance(node, File)
        text = node.open(client.request, 0).read(client.request, 1 << 12, 0, nonblock=False)
        found = [f"{node.mode:o}", text.decode()][: len(wanted)]
        if found != wanted or node.size != 4096:
            wrong.append(f"{name}: {found} instead of {wanted}")
    return wrong


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fresh_tree(kernel: str) -> None:
    client = client_for(kernel)
    assert not listed(client, client.root, RECORDED["trees"][kernel])


def write(client: Client, path: str, text: str) -> int | str:
    """One open and one write(2): the bytes taken, or the errno."""
    try:
        opened = client.file(path).open(client.request, 1)
        return opened.write(client.request, text.encode("latin-1"), 0)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_write(kernel: str) -> None:
    client = client_for(kernel)
    wrong = []
    for part in of_kernel("writes", kernel):
        for path, before in part["before"].items():
            for text, status, *shown in part["answers"]:
                assert write(client, path, before) == len(before)
                untouched = client.read(path)
                wanted = (len(text), *shown) if status == "OK" else (status, untouched)
                found = (write(client, path, text), client.read(path))
                if found != wanted:
                    wrong.append(f"{text!r} to {path}: {found} instead of {wanted}")
    assert not wrong, "\n".join(wrong)


class Process:
    """Makes the recorded requests, with one file open at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.opened: OpenFile | None = None

    def answer(self, step: list[Any]) -> list[Any]:
        """The step with the answer that comes here."""
        verb, *arguments = step
        if verb == "chmod":
            path, mode = arguments
            self.client.node(path).mode = mode
            return step
        try:
            found = getattr(self, verb.replace(" ", "_"))(*arguments)
        except OSError as error:
            found = [errno.errorcode[error.errno or 0]]
        return [*step[: len(step) - len(found)], *found]

    def write(self, path: str, text: str | list[tuple[str, int]], *recorded: Any) -> list[Any]:
        if isinstance(text, list):
            text = "".join(character * count for character, count in text)
        return [write(self.client, path, text), self.client.read(path)]

    def read(self, path: str, *recorded: Any) -> list[Any]:
        return [self.client.read(path)]

    def open(self, path: str, flags: int, *recorded: Any) -> list[Any]:
        self.opened = None
        self.opened = self.client.file(path).open(self.client.request, flags)
        return ["OK"]

    def write_at(self, offset: int, text: str, *recorded: Any) -> list[Any]:
        assert self.opened is not None
        return [self.opened.write(self.client.request, text.encode("latin-1"), offset)]

    def read_at(self, offset: int, size: int, *recorded: Any) -> list[Any]:
        assert self.opened is not None
        data = self.opened.read(self.client.request, size, offset, nonblock=False)
        return [data.decode("latin-1")]

    def poll(self, *recorded: Any) -> list[Any]:
        assert self.opened is not None
        return [self.opened.events()]

    def mkdir(self, path: str, *recorded: Any) -> list[Any]:
        self._folder_of(path).mkdir(path.rpartition("/")[2])
        return ["OK"]

    def rmdir(self, path: str, *recorded: Any) -> list[Any]:
        self._folder_of(path).rmdir(path.rpartition("/")[2])
        return ["OK"]

    def _folder_of(self, path: str) -> Directory:
        parent = path.rpartition("/")[0]
        folder = self.client.node(parent) if parent else self.client.root
        assert isinstance(folder, Directory)
        return folder


@pytest.mark.parametrize("kernel", KERNELS)
def test_requests_in_a_row(kernel: str) -> None:
    process = Process(client_for(kernel))
    (part,) = of_kernel("sessions", kernel)
    wrong = []
    for step in part["steps"]:
        found = process.answer(step)
        if found != step:
            wrong.append(f"{found} instead of {step}")
    assert not wrong, "\n".join(wrong)


def test_one_mode_at_a_time() -> None:
    """Writing a mode of a size takes the others back, and leaves the other sizes alone."""
    machine = Machine("7.3", workload="idle")
    client = Client(thp_tree(machine), Request(1))
    for word in ("inherit", "always", "madvise", "never"):
        assert write(client, "hugepages-64kB/enabled", word) == len(word)
        modes = {order: knobs.enabled for order, knobs in machine.thp.sizes.items()}
        assert modes == dict.fromkeys(modes, "never") | {4: word, 9: "inherit"}
