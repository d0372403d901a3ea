"""The manual has a line for each file of the lab, and for each step of a scene."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.memcg import MemCgroup
from engine.scene import WORDS
from engine.scene.words import Word
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.files.node import Directory
from tracefs_fuse.tracing.versions import VERSIONS

DOCS = Path(__file__).parents[1] / "docs"
MANUAL = (DOCS / "files.md").read_text()
SCENES = (DOCS / "scenes.md").read_text()
TRACING = "sys/kernel/tracing/"
THP = "sys/kernel/mm/transparent_hugepage/"
KINDS = [
    (re.compile(rf"{TRACING}events/(header_\w+)"), r"\1"),
    (re.compile(rf"{TRACING}events/\w+/\w+/(\w+)"), r"SYSTEM/EVENT/\1"),
    (re.compile(rf"{TRACING}events/\w+/(enable|filter)"), r"SYSTEM/\1"),
    (re.compile(rf"{TRACING}events/enable"), "enable"),
    (re.compile(rf"{TRACING}options/.*"), "options/NAME"),
    (re.compile(rf"{TRACING}per_cpu/cpu\d+/(stats|\w+_raw)"), r"per_cpu/cpuN/\1"),
    (re.compile(rf"{TRACING}per_cpu/cpu\d+/(\w+)"), r"\1"),
    (re.compile(rf"{TRACING}(\w+)"), r"\1"),
    (re.compile(rf"{THP}hugepages-\w+/stats/.*"), "hugepages-SIZE/stats/*"),
    (re.compile(rf"{THP}hugepages-\w+/(.*)"), r"hugepages-SIZE/\1"),
    (re.compile(rf"{THP}(.*)"), r"\1"),
    (re.compile(r"proc/\d+/task/\d+/children"), "proc/PID/task/TID/children"),
    (re.compile(r"proc/\d+/(?:task/\d+/)?(.*)"), r"proc/PID/\1"),
    (re.compile(r"sys/fs/cgroup/\w+/(.*)"), r"sys/fs/cgroup/NAME/\1"),
    (re.compile(r"(.*)"), r"\1"),
]
"""Paths, and the names that the manual has for them."""


def paths(folder: Directory, prefix: str = "") -> Iterator[str]:
    for name, node in folder.children().items():
        if isinstance(node, Directory):
            yield from paths(node, f"{prefix}{name}/")
        else:
            yield prefix + name


def documented(path: str) -> str:
    for pattern, name in KINDS:
        if match := pattern.fullmatch(path):
            return match.expand(name)
    raise AssertionError(path)


@pytest.mark.parametrize("word", WORDS.values(), ids=list(WORDS))
def test_each_step_has_a_line(word: Word) -> None:
    usage = word.usage.replace("|", "\\|")
    assert f"| `{usage}` | {word.meaning} |\n" in SCENES


@pytest.mark.parametrize("version", VERSIONS)
def test_each_file_has_a_line(version: str) -> None:
    lab = build_lab(LabOptions(kernel=version))
    lab.machine.kernel.cgroups["scene"] = MemCgroup("scene", None)
    names = {documented(path) for path in paths(lab.root)}
    assert not {name for name in names if f"`{name}`" not in MANUAL}
    assert len(names) > 60
