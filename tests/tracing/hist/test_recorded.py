"""Hist triggers as stock kernels answered when asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tracing.hist.lab import HistLab

_ASKED = json.loads((Path(__file__).parent / "asked.json").read_text())
_SCENES = json.loads((Path(__file__).parent / "scenes.json").read_text())
_BOOTS_DIFFER = (
    (re.compile(r"^\[ *\d+\.\d{6}\] ", re.M), "[TIME] "),
    (re.compile(r"(common_pid\.execname:|sh +\[) *\d+"), r"\1 PID"),
)
_SYNTHETIC = (
    "lat s32 st; u32 u; u64 big; s64 d; char c[16]; int i",
    "one s32 st",
    "two int d; unsigned long p",
    "str char[] s; int st",
    "stk long[] s",
    "six char[16] c",
)
_TRIGGER = "events/huge_memory/mm_khugepaged_scan_pmd/trigger"
_CRASHES = re.compile(r"=(common_)?comm\.log2", re.I)
"""Kernels take this key and crash at the first event; the lab refuses it."""


@pytest.mark.parametrize("asked", _ASKED, ids=[asked["command"][:60] for asked in _ASKED])
def test_asked(asked: dict[str, Any]) -> None:
    for group in asked["answers"]:
        for version in group["versions"]:
            if not _CRASHES.search(asked["command"]):
                assert _answer(version, asked["command"]) == group["answer"], version


def _answer(version: str, command: str) -> list[Any]:
    """Status, read-back, and the messages of the error log with their positions."""
    lab = HistLab(version)
    for definition in _SYNTHETIC:
        lab.tracing.synthetic.write(definition)
    status, _ = lab.answer(["write", _TRIGGER, command, "append"])
    back = [line for line in (lab.read(_TRIGGER) or "").splitlines() if line.startswith("hist:")]
    lines = (lab.read("error_log") or "").splitlines()
    log = [
        [head.partition("] ")[2], len(caret) - len("  Command: ^")]
        for head, caret in zip(lines[::3], lines[2::3], strict=True)
    ]
    return [status, back[0] if back else "", log]


@pytest.mark.parametrize("scene", _SCENES, ids=[scene["name"] for scene in _SCENES])
def test_scene(scene: dict[str, Any]) -> None:
    """Triggers at work on stock kernels: synthetic events with given values, made by markers."""
    for group in scene["answers"]:
        for version in group["versions"]:
            lab = HistLab(version)
            wanted = {number: answer for number, *answer in group["answer"]}
            for number, step in enumerate(scene["steps"]):
                status, text = lab.answer(step)
                kernel_status, kernel_text = wanted.get(number, ("OK", ""))
                assert status == kernel_status, (version, step)
                if step[0] == "read":
                    assert _same_for_all(text or "") == _same_for_all(kernel_text), (version, step)


def _same_for_all(text: str) -> str:
    """Without what differs between boots."""
    for pattern, replacement in _BOOTS_DIFFER:
        text = pattern.sub(replacement, text)
    return text
