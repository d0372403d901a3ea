"""Scenes as text and as JSON: what is played, and how its outcome is written down.

A document is ``{"kernel": VERSION, "scenes": [{"name", "script", "said", "vmstat", "events"}]}``.
In events, results have their names, address spaces are numbered as they come, and of a page number
only counts whether there is one: ``-1``, ``0`` or ``pfn``.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import Any

from engine import Machine
from engine.scene import Event, Outcome, Stage
from engine.scene.stage import SetKnob
from engine.tracepoints import NO_PFN
from tracefs_fuse.files.node import Directory, File, Node, Request
from tracefs_fuse.files.thp import thp_tree
from tracefs_fuse.tracing.events.huge_memory import STATUS, definitions

Scene = dict[str, Any]

_ROOT = Request(1)

_PFN_NAMES = {"pfn": "scan_pfn", "hpfn": "hpage_pfn"}
"""Page numbers have another name in print than in the record."""


def script_of(text: str) -> list[str]:
    """The steps of a scene file: its lines, without comments and empty ones."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def knob_writer(machine: Machine) -> SetKnob:
    """What writes the files of a machine's knobs."""
    knobs = thp_tree(machine)

    def write(name: str, value: str) -> None:
        node: Node | None = knobs
        for part in name.split("/"):
            node = node.lookup(part) if isinstance(node, Directory) else None
        if not isinstance(node, File):
            raise OSError(errno.ENOENT, name)
        node.open(_ROOT, os.O_WRONLY).write(_ROOT, value.encode(), 0)

    return write


class Player:
    """Plays the scenes of one document, one after the other on one kernel."""

    def __init__(self, version: str) -> None:
        self._version = version
        machine = Machine(version, workload="idle")
        self._stage = Stage(machine, knob_writer(machine))
        self._fields = {d.name: {name for _, name in d.fields} for d in definitions(version)}

    def play(self, scene: Scene) -> Scene:
        """The same scene with what the engine did."""
        outcome = self._stage.play(scene["script"])
        return {**scene, **self._written(outcome)}

    def _written(self, outcome: Outcome) -> Scene:
        mms: dict[int, str] = {}
        return {
            "said": outcome.said,
            "vmstat": outcome.vmstat,
            "events": [self._event(event, mms) for event in outcome.events],
        }

    def _event(self, event: Event, mms: dict[int, str]) -> list[Any]:
        who, name, arguments = event
        shown: dict[str, str] = {}
        for field, value in arguments.items():
            if field not in self._fields[name]:
                continue
            if field == "mm":
                shown[field] = mms.setdefault(value, f"mm{len(mms)}")
            elif field in _PFN_NAMES:
                shown[_PFN_NAMES[field]] = {NO_PFN: "-1", 0: "0"}.get(value, "pfn")
            elif field in ("status", "result"):
                shown[field] = STATUS[self._version][value]
            elif field == "addr":
                shown[field] = f"{value:x}"
            else:
                shown[field] = str(value)
        return [who, name, shown]


def event_text(event: list[Any]) -> str:
    """One event in a line."""
    who, name, fields = event
    values = " ".join(f"{field}={value}" for field, value in fields.items())
    return f"{who:<10} {name}: {values}"


@dataclass(frozen=True)
class Difference:
    """Where what was played and what was recorded part."""

    what: str
    recorded: str
    played: str


def differences(recorded: Scene, played: Scene, *, counters: bool) -> list[Difference]:
    """The first difference of each kind; counters: also compare those of /proc/vmstat."""
    found = []
    for what, lines in (
        ("said", lambda scene: scene["said"]),
        ("event", lambda scene: [event_text(event) for event in scene["events"]]),
    ):
        one, two = lines(recorded), lines(played)
        if one != two:
            at = next(
                (i for i, pair in enumerate(zip(one, two, strict=False)) if pair[0] != pair[1]),
                min(len(one), len(two)),
            )
            found.append(Difference(f"{what} {at + 1}", _line(one, at), _line(two, at)))
    if counters and recorded["vmstat"] != played["vmstat"]:
        for name in sorted({*recorded["vmstat"], *played["vmstat"]}):
            one, two = recorded["vmstat"].get(name, 0), played["vmstat"].get(name, 0)
            if one != two:
                found.append(Difference(name, str(one), str(two)))
    return found


def _line(lines: list[str], at: int) -> str:
    return lines[at] if at < len(lines) else "(nothing)"
