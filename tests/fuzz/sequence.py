"""Playing a sequence of requests to a lab, and cutting one that fails down to what it takes."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.fuzz.generator import INSTANCES
from tests.fuzz.request import (
    OK,
    SLOTS,
    TRACING,
    Answer,
    OpenPaths,
    Request,
    Target,
    kind_of,
    names_in,
    read_file,
    write_file,
)
from tests.fuzz.rules import CHANGING, is_plausible, opens_before_refusing, unexplained

_Some = list[Request]

_ROUNDS = 10
"""Triggers go one after the other: some hold others."""

_READ_ERRORS = frozenset(
    {"EINVAL", "EPERM", "EACCES", "EBUSY", "EAGAIN", "ELOOP", "EISDIR", "ESRCH"}
)
"""Not readable, being read by another, nothing to be had without waiting, a link, a folder, memory
of a kernel thread."""


@dataclass(frozen=True)
class Failure:
    """What went wrong in a sequence."""

    kind: str
    """What it has in common with the same failure of another sequence."""

    told: str
    number: int
    """Of the request that showed it."""


@dataclass
class Counts:
    """What was asked and answered."""

    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By operation, kind of file (of writes) and answer."""

    @property
    def inputs(self) -> int:
        return self.operations.total()


class _Failed(Exception):
    def __init__(self, kind: str, told: str) -> None:
        super().__init__(told)
        self.kind = kind


def play(
    make_target: Callable[[], Target],
    requests: Sequence[Request],
    counts: Counts | None = None,
    before_each: Callable[[], None] = lambda: None,
) -> Failure | None:
    """Make the requests of a new lab; then see whether the lab is alive.

    before_each: called before each request; what it raises ends the sequence.
    """
    target = make_target()
    counts = counts or Counts()
    player = _Player(target, counts)
    number = 0
    try:
        for number, request in enumerate(requests):  # noqa: B007
            before_each()
            player.ask(request)
        number = len(requests)
        check_alive(target, player.triggers)
        player.check_log()
    except _Failed as failed:
        return Failure(failed.kind, str(failed), number)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} in {where.name}, {os.path.basename(where.filename)}"
        return Failure(kind, "".join(traceback.format_exception(error)), number)
    finally:
        target.close()
    return None


class _Player:
    """Makes requests one after the other, and holds each answer to the rules."""

    def __init__(self, target: Target, counts: Counts) -> None:
        self._target = target
        self._counts = counts
        self._open = OpenPaths()
        self._state: dict[str, str] | None = None
        """As it was after the last request; None when it may have changed since."""

        self.triggers: dict[str, set[bytes]] = {}
        """What was written to each trigger file."""

    def ask(self, request: Request) -> None:
        if request.operation == "open" and request.slot in self._open.of_slot:
            self.ask(Request("close", slot=request.slot))  # which may change things by itself
        path = self._open.path_of(request)
        changing = request.operation in CHANGING
        if changing and self._state is None:
            self._state = self._target.state()
        answer = self._target.perform(request)
        self._open.answered(request, answer)
        self._count(request, path, answer)
        if answer.status == OK:
            if changing:
                self._state = None
            if kind_of(path) == "trigger" and request.data:
                self.triggers.setdefault(path, set()).add(request.data)
        else:
            self._check_refusal(request, path, answer)
        self.check_log()

    def check_log(self) -> None:
        if complaints := self._target.complaints():
            raise _Failed("log", "\n".join(complaints))

    def _count(self, request: Request, path: str, answer: Answer) -> None:
        self._counts.operations[request.operation] += 1
        kind = kind_of(path) if request.operation in ("write", "pwrite") and path else ""
        self._counts.statuses[request.operation, kind, answer.status] += 1

    def _check_refusal(self, request: Request, path: str, answer: Answer) -> None:
        what = f"{request.operation} of {kind_of(path) or 'nothing'}"
        if not is_plausible(request.operation, path, answer.status):
            raise _Failed(f"{what}: {answer.status}", f"no kernel answers {answer.status}")
        if self._state is None or request.operation not in CHANGING:
            return
        if opens_before_refusing(request, answer.status):
            self._state = None
            return
        before, self._state = self._state, self._target.state()
        changed = [
            one
            for one in sorted(before.keys() | self._state.keys())
            if before.get(one) != self._state.get(one)
        ]
        if left := unexplained(path, changed):
            kinds = ", ".join(sorted({kind_of(one) for one in left}))
            told = "".join(
                f"\n{one}: {before.get(one)!r} is {self._state.get(one)!r}" for one in left
            )
            raise _Failed(f"{what}: {answer.status} changed {kinds}", f"{answer.status}, but{told}")


# -- afterwards ----------------------------------------------------------------------------


def check_alive(target: Target, written: Mapping[str, set[bytes]]) -> None:
    """All files can be read; triggers, instances and synthetic events can be taken away.

    written: commands that were written to the trigger files.
    """
    for slot in SLOTS:
        target.perform(Request("close", slot=slot))
    for path in _files(target, ""):
        status = read_file(target, path).status
        if status not in _READ_ERRORS | {OK}:
            raise _Failed(f"afterwards: read of {kind_of(path)}", f"reading {path}: {status}")
    _remove_triggers(target, written)
    for name in names_in(target, INSTANCES):
        _expect(target.perform(Request("rmdir", f"{INSTANCES}/{name}")), f"rmdir {name}")
    for text in (b"0", b"\n"):
        path = "events/enable" if text == b"0" else "synthetic_events"
        _expect(write_file(target, f"{TRACING}/{path}", text, os.O_TRUNC), f"emptying {path}")
    if left := read_file(target, f"{TRACING}/synthetic_events").data:
        raise _Failed("afterwards: synthetic events", f"left: {left!r}")


def _files(target: Target, path: str) -> list[str]:
    found = []
    for name in names_in(target, path):
        below = _files(target, f"{path}/{name}")
        found += below or [f"{path}/{name}"]
    return found


def _remove_triggers(target: Target, written: Mapping[str, set[bytes]]) -> None:
    folders = [TRACING, *(f"{INSTANCES}/{name}" for name in names_in(target, INSTANCES))]
    paths = [
        f"{folder}/events/{system}/{event}"
        for folder in folders
        for system in ("huge_memory", "synthetic", "ftrace")
        for event in names_in(target, f"{folder}/events/{system}")
    ]
    for number in range(_ROUNDS):
        left = [path for path in paths if _removed_one_by_one(target, f"{path}/trigger", written)]
        if not left:
            break
        if number >= _ROUNDS // 2:  # a reference that has become ambiguous can't be written again
            for path in left:
                write_file(target, f"{path}/trigger", b"", os.O_TRUNC)
    else:
        raise _Failed("afterwards: triggers", f"can't be removed in {', '.join(left)}")
    for path in paths:
        if read_file(target, f"{path}/enable").data not in (b"0\n", b"1\n", b""):
            raise _Failed("afterwards: soft mode", f"{path} is still in soft mode")


def _removed_one_by_one(target: Target, path: str, written: Mapping[str, set[bytes]]) -> bool:
    """Whether there were triggers: each is taken away as it is shown, and as it was written, for
    some histograms are shown in words that no kernel takes back.
    """
    shown = read_file(target, path).data.split(b"\n")
    lines = [line.rpartition(b" [")[0] or line for line in shown if line[:1] not in b"#"]
    for line in {*lines, *(written.get(path, ()) if lines else ())}:
        write_file(target, path, b"!" + line)
    return bool(lines)


def _expect(answer: Answer, what: str) -> None:
    if answer.status != OK:
        raise _Failed(f"afterwards: {what.split()[0]}", f"{what}: {answer.status}")


# -- cutting down --------------------------------------------------------------------------


def shortest(
    make_target: Callable[[], Target],
    requests: Sequence[Request],
    failure: Failure,
    before_each: Callable[[], None] = lambda: None,
) -> list[Request]:
    """Of the requests those that it takes to fail in the same way, with the least data."""

    def fails(kept: Sequence[Request]) -> bool:
        again = play(make_target, kept, before_each=before_each)
        return again is not None and again.kind == failure.kind

    kept = list(requests[: failure.number + 1])
    step = len(kept)
    while step:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + step :]
            if fails(fewer):
                kept = fewer
            else:
                start += step
        step //= 2
    for place, request in enumerate(kept):
        before, after = kept[:place], kept[place + 1 :]

        def fails_with(one: Request, before: _Some = before, after: _Some = after) -> bool:
            return fails([*before, one, *after])

        kept[place] = _with_less_data(request, fails_with)
    return kept


def _with_less_data(request: Request, fails: Callable[[Request], bool]) -> Request:
    step = len(request.data) // 2
    while step:
        start = 0
        while start < len(request.data):
            less = replace(request, data=request.data[:start] + request.data[start + step :])
            if fails(less):
                request = less
            else:
                start += step
        step //= 2
    return request
