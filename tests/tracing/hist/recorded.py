"""Recorded hist cases, with the triggers that were left over from cases before them.

The recordings' client removed triggers between cases by writing their read-back with a ``!``, which
does not parse for all of them.  What was left is told by what the next reads of ``trigger`` show;
it is put into a fresh core before a case is played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tracing.hist.lab import HistLab

_CASES = Path(__file__).parents[2] / "conformance" / "cases"
_MODIFIERS = r"\.(?:hex|sym-offset|sym|execname|syscall|log2|buckets=\d+|usecs|percent|graph)"
_NOISE = (
    (re.compile(r"^\[ *\d+\.\d{6}\] ", re.M), "[TIME] "),
    (re.compile(r"(common_pid|pid): +\d+"), r"\1: PID"),
    (re.compile(r"common_type: +\d+"), "common_type: ID"),
)
_HELPER = ":synthetic_"
"""In a trigger that goes with the one that needed it."""

_SEPARATOR = "\n\n\n# event histogram"


@dataclass
class Recording:
    """A case, and the trigger lines that were there before it, by the path of their file."""

    version: str
    case: dict[str, Any]
    left_over: dict[str, list[str]]

    @property
    def name(self) -> str:
        return f"{self.version} {self.case['name']}"

    def differences(self) -> list[str] | None:
        """Where the answers are not the kernel's; None where the start can't be made again."""
        lab = HistLab(self.version)
        if not self._put_back(lab):
            return None
        said = []
        for step in self.case["steps"]:
            do, wanted = step["do"], step.get("text", "")
            if do[0] not in ("read", "write"):
                continue
            status, text = lab.answer(do)
            if status != step["status"]:
                said.append(f"{do}\n kernel {step['status']}, here {status}")
            elif do[0] == "read" and text is not None and not step.get("any"):
                wanted, text = (self._own_part(do[1], t) for t in (wanted, text))
                if wanted != text:
                    said.append(f"{do}\n--- kernel\n{wanted}\n--- here\n{text}")
        return said

    def _put_back(self, lab: HistLab) -> bool:
        """Make what was left over; some of it refers to what else was."""
        lines = [(path, line) for path, lines in self.left_over.items() for line in lines]
        if any(".lat(" in line for _, line in lines):
            lab.tracing.synthetic.write("lat int d; int st")
        for step in self.case["steps"]:
            if step["do"][1] == "synthetic_events" and step["status"] == "EEXIST":
                lab.answer(step["do"])
        while lines:
            later = []
            for path, line in lines:
                if lab.answer(["write", path, _command(line), "append"])[0] != "OK":
                    later.append((path, line))
            if len(later) == len(lines):
                return False
            lines = later
        lab.top.error_log.clear()
        for path, old in self.left_over.items():
            if (lab.read(path) or "").splitlines() != old:
                return False
        return True

    def _own_part(self, path: str, text: str) -> str:
        """Without what differs between boots, and without histograms that were left over."""
        for pattern, replacement in _NOISE:
            text = pattern.sub(replacement, text)
        old = self.left_over.get(path.replace("/hist", "/trigger"))
        if not path.endswith("/hist") or not old:
            return text
        blocks = text.split(_SEPARATOR)
        infos = [block.partition("trigger info: ")[2].partition("\n")[0] for block in blocks]
        return _SEPARATOR.join(b for b, info in zip(blocks, infos, strict=True) if info not in old)


def _command(line: str) -> str:
    """A read-back as a command: sort keys can't have the modifiers that they are shown with."""
    line, _, state = line.rpartition(" [")
    head, condition, filter_text = line.partition(" if ")
    head = re.sub(r"(?<=:)sort=[^:]*", lambda m: re.sub(_MODIFIERS, "", m[0]), head)
    head = re.sub(r"\$(\w+\.\w+\.)(\w)", r"\1$\2", head)
    if ":clock=" in head:
        head = head.replace("keys=common_stacktrace:", "keys=common_timestamp.stacktrace:")
    return head + (":pause" if state == "paused]" else "") + condition + filter_text


def recordings(name: str) -> Iterator[Recording]:
    """The cases of one file."""
    document = json.loads((_CASES / f"{name}.json").read_text())
    left: dict[str, list[str]] = {}
    for case in document["cases"]:
        left.update(_before(case))
        yield Recording(document["kernel"], case, {p: lines for p, lines in left.items() if lines})
        for path in list(left):
            left[path] = _after(case, path, left[path])


def _before(case: dict[str, Any]) -> dict[str, list[str]]:
    """The triggers that were there before a case: a new one is always the last."""
    found: dict[str, list[str]] = {}
    added: dict[str, int] = {}
    for step in case["steps"]:
        verb, path = step["do"][:2]
        if not path.endswith("/trigger") or path in found:
            continue
        if verb == "write" and step["status"] == "OK" and not step["do"][2].startswith("!"):
            added[path] = added.get(path, 0) + 1
        elif verb == "read":
            lines = [x for x in step.get("text", "").splitlines() if _HELPER not in x]
            lines = [line for line in lines if not line.startswith("#")]
            found[path] = lines[: len(lines) - added.get(path, 0)] if added.get(path) else lines
    return found


def _after(case: dict[str, Any], path: str, before: list[str]) -> list[str]:
    """Of these triggers, those that the case's last read still shows."""
    for step in reversed(case["steps"]):
        if step["do"][:2] == ["read", path]:
            shown = step.get("text", "").splitlines()
            return [line for line in before if line in shown]
    return before
