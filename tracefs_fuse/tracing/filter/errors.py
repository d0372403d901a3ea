"""What can be wrong with a filter, and how its files say so.

Modelled after the FILT_ERR codes and append_filter_err() (kernel/trace/trace_events_filter.c).
"""

from __future__ import annotations

import errno
from enum import Enum

from tracefs_fuse.tracing.error_log import ErrorLog
from tracefs_fuse.tracing.filter.text import decoded

_LOCATION = "event filter parse error"


class Fault(Enum):
    """A kind of fault: its text, and the errno of the write that has it."""

    INVALID_OP = "Invalid operator"
    TOO_MANY_OPEN = "Too many '('", errno.ENOENT
    TOO_MANY_CLOSE = "Too few '('", errno.EPERM
    MISSING_QUOTE = "Missing matching quote", errno.ESRCH
    MISSING_BRACE_OPEN = "Missing '{'"
    MISSING_BRACE_CLOSE = "Missing '}'"
    OPERAND_TOO_LONG = "Operand too long"
    EXPECT_STRING = "Expecting string field"
    EXPECT_DIGIT = "Expecting numeric field"
    ILLEGAL_FIELD_OP = "Illegal operation for field type"
    FIELD_NOT_FOUND = "Field not found"
    ILLEGAL_INTVAL = "Illegal integer value"
    BAD_SUBSYS_FILTER = "Couldn't find or set field in one of a subsystem's events"
    TOO_MANY_PREDS = "Too many terms in predicate expression", errno.EPERM
    INVALID_FILTER = "Meaningless filter expression"
    INVALID_CPULIST = "Invalid cpulist"
    INVALID_VALUE = "Invalid value (did you forget quotes)?"
    NO_FUNCTION = "Function not found"
    NO_FILTER = "No filter found"

    NO_TERM = "Error"
    """There is nothing to evaluate; without a code of its own, as the next."""

    NO_NAME = "Error", errno.EPERM
    """Something else is where a field's name should be."""

    def __init__(self, message: str, code: int = errno.EINVAL) -> None:
        self.message = message
        self.errno = code

    @property
    def has_code(self) -> bool:
        """The files show the text and a caret, not just a number."""
        return self.message != "Error"


class FilterError(OSError):
    """A refused filter; ``errno`` is what the write fails with."""

    def __init__(self, fault: Fault, text: bytes, position: int = 0) -> None:
        """position: offset in the text that the caret points at; it may be behind the end."""
        super().__init__(fault.errno, fault.message)
        self.message = fault.message
        self.position = position
        self.has_code = fault.has_code
        self._text = text

    def file_text(self, room: int) -> str:
        """What the ``filter`` file shows after the failure, without the file's own newline.

        room: bytes; from the first piece that does not fit, nothing is shown.
        """
        pieces = ["\nError: (0)\n"]
        if self.has_code:
            caret = " " * min(self.position, len(self._text)) + "^"
            pieces = [f"\n{caret}", f"\nparse_error: {self.message}\n"]
        shown = ""
        for piece in (decoded(self._text), *pieces):
            if len(shown) + len(piece) >= room:
                break
            shown += piece
        return shown

    def log(self, error_log: ErrorLog, command: str) -> None:
        """Add the entry for a command to an instance's error_log."""
        error_log.log(_LOCATION, command, self.message, self.position)
