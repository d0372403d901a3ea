"""A hist command taken apart, before anything in it is looked up.

Modelled after parse_hist_trigger_attrs() and the head of event_hist_trigger_parse()
(kernel/trace/trace_events_hist.c)::

    keys=K[,K..][:vals=V..][:sort=S..][:size=N][:name=N][:clock=C][:VAR=EXPR..]
    [:pause|cont|clear][:nohitcount][:HANDLER(..).ACTION(..)] [if FILTER]
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.hist.errors import HistError, HistLog
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse
from tracefs_fuse.tracing.versions import KernelVersion

MAX_VARIABLES = 16
_MAX_ACTIONS = 8
_MIN_SIZE = 1 << 7
_MAX_SIZE = 1 << 17
_DEFAULT_SIZE = 1 << 11

_ITEMS = {
    "key=": "keys",
    "keys=": "keys",
    "val=": "values",
    "vals=": "values",
    "values=": "values",
    "sort=": "sort",
    "name=": "name",
    "clock=": "clock",
    "size=": "size",
}
_NO_HITCOUNT = ("nohitcount", "NOHC")
_SWITCHES = {
    **dict.fromkeys(_NO_HITCOUNT, "no_hitcount"),
    "pause": "pause",
    "cont": "resume",
    "continue": "resume",
    "clear": "clear",
}
_HANDLERS = ("onmatch(", "onmax(", "onchange(")

SYM_OFFSET = ".sym-offset"
SYM_OFFSET_PROTECTED = ".symXoffset"
"""How ``.sym-offset`` is kept from being read as a minus."""


@dataclass
class Definition:
    """A variable and its expression."""

    name: str
    expression: str
    """While it is parsed, and from then on, only the part before the first operator is left."""


@dataclass
class Command:
    """The items of a command (struct hist_trigger_attrs), each a text still to be parsed."""

    keys: str = ""
    values: str | None = None
    sort: str | None = None
    name: str | None = None
    clock: str = "global"
    size: int = _DEFAULT_SIZE
    """Entries of the table, a power of two."""

    pause: bool = False
    resume: bool = False
    clear: bool = False
    no_hitcount: bool = False
    assignments: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    condition: str | None = None
    """The text of the filter."""

    variables: list[Definition] = field(default_factory=list)
    """What :meth:`define` finds in the assignments."""

    @property
    def only_changes(self) -> bool:
        """Meant to change the state of a trigger that exists."""
        return self.pause or self.resume or self.clear

    def define(self, log: HistLog) -> None:
        """parse_var_defs(): take the assignments apart into variables."""
        for assignment in self.assignments:
            for text in assignment.split(",")[:MAX_VARIABLES]:
                name, equals, expression = text.partition("=")
                if not equals:
                    raise log.refused(HistError.MALFORMED_ASSIGNMENT, name)
                if len(self.variables) == MAX_VARIABLES:
                    raise log.refused(HistError.TOO_MANY_VARS, name)
                self.variables.append(Definition(name, expression))


def parse_command(parameters: str, log: HistLog, version: KernelVersion) -> Command:
    """Split what is written behind ``hist:``; raises OSError for what can't be split."""
    text, condition = _split_condition(parameters)
    command = Command(condition=condition)
    for item in text.replace(SYM_OFFSET, SYM_OFFSET_PROTECTED).split(":"):
        if "=" in item:
            if item.endswith("=") and item.index("=") == len(item) - 1:
                raise log.refused(HistError.EMPTY_ASSIGNMENT, item)
            _assign(command, item, log)
        elif item in _SWITCHES and (version.hist_nohitcount or item not in _NO_HITCOUNT):
            setattr(command, _SWITCHES[item], True)
        elif item.startswith(_HANDLERS) and len(command.actions) < _MAX_ACTIONS:
            command.actions.append(item)
        else:
            raise refuse(errno.EINVAL)
    if not command.keys:
        raise refuse(errno.EINVAL)
    return command


def _split_condition(parameters: str) -> tuple[str, str | None]:
    """The command proper and the text of the filter behind `` if ``."""
    start = 0
    while (found := parameters.find("if", start)) >= 0:
        if found == 0:
            raise refuse(errno.EINVAL)
        if parameters[found - 1] in " \t":
            if found >= len(parameters) - 3:
                raise refuse(errno.EINVAL)
            if parameters[found + 2] in " \t":
                return parameters[: found - 1].strip(BLANKS), parameters[found + 3 :]
        start = found + 1
    return parameters, None


def _assign(command: Command, item: str, log: HistLog) -> None:
    """parse_assignment()."""
    prefix, _, value = item.partition("=")
    name = _ITEMS.get(prefix + "=")
    if name is None:
        if len(command.assignments) == MAX_VARIABLES:
            raise log.refused(HistError.TOO_MANY_VARS, item)
        command.assignments.append(item)
    elif name == "size":
        command.size = _table_size(value)
    else:
        setattr(command, name, value.strip(BLANKS) if name == "clock" else value)


def _table_size(text: str) -> int:
    """parse_map_size(): rounded up to a power of two."""
    size = parse_unsigned(text, base0=True)
    rounded = 1 << (size - 1).bit_length() if size else 0
    if not _MIN_SIZE <= rounded <= _MAX_SIZE:
        raise refuse(errno.EINVAL)
    return rounded
