"""The trace options of an instance: ``options/*`` and ``trace_options``.

Modelled after TRACE_FLAGS (kernel/trace/trace.h) and the options of the tracer nop
(kernel/trace/trace_nop.c).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.numbers import parse_switch, refuse
from tracefs_fuse.tracing.versions import KernelVersion

_MAX_LENGTH = 64

PRINTK_DEST = "trace_printk_dest"
"""On in exactly one instance: the top level takes it back when that goes."""

_DEFAULT_ON = frozenset(
    {
        "print-parent",
        "trace_printk",
        "annotate",
        "context-info",
        "record-cmd",
        "overwrite",
        "irq-info",
        "markers",
        PRINTK_DEST,
        "copy_trace_marker",
        "hash-ptr",
        "function-trace",
    }
)
_TOP_ONLY_FILES = frozenset({"trace_printk", "printk-msg-only", "record-cmd"})
"""Not in the options folder of an instance."""

_TOP_ONLY_FLAGS = frozenset({"event-fork", "function-fork", PRINTK_DEST, "copy_trace_marker"})
"""Off in a new instance, whatever the top level has."""

_REFUSED = "test_nop_refuse"
"""Can't be changed: the tracer nop says no, for tests of that."""

_OF_TRACER = frozenset({"test_nop_accept", _REFUSED})
"""Options of the tracer, which all instances share."""


class Options:
    """The options of one instance, by name."""

    def __init__(
        self,
        version: KernelVersion,
        changed: Callable[[str, bool], None],
        of_tracer: set[str],
        on: Iterable[str] | None = None,
    ) -> None:
        """changed: called with name and new value when an option has changed.

        of_tracer: the options of the tracer that are on, in all instances.
        on: the options to start with instead of the defaults (of the top level, for an instance).
        """
        self.names = version.options
        self._changed = changed
        self._of_tracer = of_tracer
        self.changes = 0
        """How often one was changed."""

        self.on = (set(_DEFAULT_ON) & set(self.names)) if on is None else set(on) - _TOP_ONLY_FLAGS

    def __contains__(self, name: object) -> bool:
        return name in self.on or name in self._of_tracer

    def file_names(self, *, top: bool) -> list[str]:
        """What ``options/`` holds."""
        return [name for name in self.names if top or name not in _TOP_ONLY_FILES]

    def set(self, name: str, value: bool) -> None:
        """Raises EINVAL where the kernel refuses the change."""
        if value == (name in self):
            return
        if name == _REFUSED or (name == PRINTK_DEST and not value):
            raise refuse(errno.EINVAL)
        on = self._of_tracer if name in _OF_TRACER else self.on
        (on.add if value else on.discard)(name)
        self.changes += 1
        self._changed(name, value)

    def write_file(self, name: str, text: str) -> None:
        """A write to ``options/NAME``."""
        self.set(name, parse_switch(text))

    def write(self, text: str) -> None:
        """A write to ``trace_options``: one name, with ``no`` before it to clear."""
        if len(text) >= _MAX_LENGTH:
            raise refuse(errno.EINVAL)
        name = text.strip(BLANKS)
        value = not name.startswith("no")
        name = name if value else name[2:]
        if name not in self.names or name == _REFUSED:  # the tracer is asked in any case
            raise refuse(errno.EINVAL)
        self.set(name, value)

    def text(self) -> str:
        """The ``trace_options`` file."""
        return "".join(f"{'' if name in self else 'no'}{name}\n" for name in self.names)
