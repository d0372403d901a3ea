"""What can be wrong with a hist command, and how it gets into the error log.

Modelled after the table ERRORS and hist_err() in kernel/trace/trace_events_hist.c.
"""

from __future__ import annotations

import errno
from enum import Enum
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile


class HistError(Enum):
    """The error texts."""

    DUPLICATE_VAR = "Variable already defined"
    VAR_NOT_UNIQUE = (
        "Variable name not unique, need to use fully qualified name (subsys.event.var) for variable"
    )
    TOO_MANY_VARS = "Too many variables defined"
    MALFORMED_ASSIGNMENT = "Malformed assignment"
    NAMED_MISMATCH = "Named hist trigger doesn't match existing named trigger (includes variables)"
    TRIGGER_EEXIST = "Hist trigger already exists"
    TRIGGER_ENOENT_CLEAR = "Can't clear or continue a nonexistent hist trigger"
    SET_CLOCK_FAIL = "Couldn't set trace_clock"
    BAD_FIELD_MODIFIER = "Invalid field modifier"
    TOO_MANY_SUBEXPR = "Too many subexpressions (3 max)"
    TIMESTAMP_MISMATCH = "Timestamp units in expression don't match"
    TOO_MANY_FIELD_VARS = "Too many field variables defined"
    EVENT_FILE_NOT_FOUND = "Event file not found"
    HIST_NOT_FOUND = "Matching event histogram not found"
    HIST_CREATE_FAIL = "Couldn't create histogram for field"
    SYNTH_VAR_NOT_FOUND = "Couldn't find synthetic variable"
    SYNTH_EVENT_NOT_FOUND = "Couldn't find synthetic event"
    SYNTH_TYPE_MISMATCH = "Param type doesn't match synthetic event field type"
    SYNTH_COUNT_MISMATCH = "Param count doesn't match synthetic event field count"
    FIELD_VAR_PARSE_FAIL = "Couldn't parse field variable"
    VAR_CREATE_FIND_FAIL = "Couldn't create or find variable"
    ONX_NOT_VAR = "For onmax(x) or onchange(x), x must be a variable"
    ONX_VAR_NOT_FOUND = "Couldn't find onmax or onchange variable"
    FIELD_VAR_CREATE_FAIL = "Couldn't create field variable"
    TOO_MANY_PARAMS = "Too many action params"
    PARAM_NOT_FOUND = "Couldn't find param"
    INVALID_PARAM = "Invalid action param"
    ACTION_NOT_FOUND = "No action found"
    TOO_MANY_SAVE_ACTIONS = "Can't have more than one save() action per hist"
    ACTION_MISMATCH = "Handler doesn't support action"
    NO_CLOSING_PAREN = "No closing paren found"
    SUBSYS_NOT_FOUND = "Missing subsystem"
    INVALID_SUBSYS_EVENT = "Invalid subsystem or event name"
    INVALID_REF_KEY = "Using variable references in keys not supported"
    VAR_NOT_FOUND = "Couldn't find variable"
    FIELD_NOT_FOUND = "Couldn't find field"
    EMPTY_ASSIGNMENT = "Empty assignment"
    INVALID_SORT_MODIFIER = "Invalid sort modifier"
    EMPTY_SORT_FIELD = "Empty sort field"
    TOO_MANY_SORT_FIELDS = "Too many sort fields (Max = 2)"
    INVALID_SORT_FIELD = "Sort field must be a key or a val"
    INVALID_STR_OPERAND = "String type can not be an operand in expression"
    EXPECT_NUMBER = "Expecting numeric literal"
    UNARY_MINUS_SUBEXPR = "Unary minus not supported in sub-expressions"
    DIVISION_BY_ZERO = "Division by zero"
    NEED_NOHC_VAL = "Non-hitcount value is required for 'nohitcount'"


class HistLog:
    """Logs what is wrong with one command to its instance's error log."""

    def __init__(self, file: EventFile, parameters: str) -> None:
        """parameters: the command behind ``hist:``, as it was written."""
        self._log = file.array.error_log
        self._location = f"hist:{file.event.system}:{file.event.name}"
        self._command = f"hist:{parameters}"

    def add(self, error: HistError, piece: str = "") -> None:
        """Log an error; the caret goes to where ``piece`` first occurs in the command."""
        position = max(self._command.find(piece), 0)
        self._log.log(self._location, self._command, error.value, position)

    def refused(self, error: HistError, piece: str = "", code: int = errno.EINVAL) -> OSError:
        """Log an error, and return the exception to raise for it."""
        self.add(error, piece)
        return refuse(code)
