"""Definitions of synthetic events as users write them.

Modelled after parse_synth_field() and __create_synth_event().
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from tracefs_fuse.tracing.ctype import words
from tracefs_fuse.tracing.synthetic.types import BadArray, SyntheticType, type_of

_MAX_FIELDS = 64
_MIN_WORDS = 3
"""Name of the event, type and name of a field."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

MESSAGES = {
    "BAD_NAME": "Illegal name",
    "INVALID_CMD": "Command must be of the form: <name> field[;field] ...",
    "INVALID_DYN_CMD": "Command must be of the form: s or -:[synthetic/]<name> field[;field] ...",
    "EVENT_EXISTS": "Event already exists",
    "TOO_MANY_FIELDS": "Too many fields",
    "INCOMPLETE_TYPE": "Incomplete type",
    "INVALID_TYPE": "Invalid type",
    "INVALID_FIELD": "Invalid field",
    "INVALID_ARRAY_SPEC": "Invalid array specification",
}


class CommandError(OSError):
    """A definition that is refused, with the piece of it that the error log points at."""

    def __init__(self, code: str, piece: str = "", number: int = errno.EINVAL) -> None:
        super().__init__(number, MESSAGES[code])
        self.message = MESSAGES[code]
        self.piece = piece


@dataclass(frozen=True)
class FieldDefinition:
    type: SyntheticType
    name: str


def is_good_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def check_command(command: str) -> None:
    """The first piece of a definition must hold the event's name and a whole field."""
    if len(words(command.partition(";")[0])) < _MIN_WORDS:
        raise CommandError("INVALID_CMD")


def parse_fields(text: str) -> list[FieldDefinition]:
    """The fields of a definition, from what follows the event's name."""
    fields: list[FieldDefinition] = []
    for piece in text.split(";"):
        left = words(piece)
        while left:
            if len(fields) == _MAX_FIELDS:
                raise CommandError("TOO_MANY_FIELDS")
            field, used = _parse_field(left)
            fields.append(field)
            left = left[used:]
    if not fields:
        raise CommandError("INVALID_CMD")
    return fields


def _parse_field(words: list[str]) -> tuple[FieldDefinition, int]:
    """The first field of some words, and how many of them it takes."""
    prefix = ""
    used = 2
    if words[0] == "unsigned":
        if len(words) < _MIN_WORDS:
            raise CommandError("INCOMPLETE_TYPE", words[0])
        prefix, used = "unsigned ", 3
    if len(words) < used:
        raise CommandError("INVALID_FIELD", words[0])
    type_word, name_word = words[used - 2 : used]
    name, bracket, array = name_word.partition("[")
    if not is_good_name(name):
        raise CommandError("BAD_NAME", name_word)
    try:
        type_ = type_of(prefix + type_word + bracket + array)
    except BadArray as error:
        code, piece = ("INVALID_ARRAY_SPEC", name_word) if bracket else ("INVALID_TYPE", type_word)
        raise CommandError(code, piece) from error
    if type_ is None:
        raise CommandError("INVALID_TYPE", type_word)
    return FieldDefinition(type_, name), used
