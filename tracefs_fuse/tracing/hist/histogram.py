"""A histogram: its fields and sort keys as a command defines them, and its table.

Modelled after struct hist_trigger_data and create_hist_data()
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.hist.command import Command, Definition
from tracefs_fuse.tracing.hist.errors import HistError, HistLog
from tracefs_fuse.tracing.hist.expression import ExpressionParser
from tracefs_fuse.tracing.hist.field import (
    MAX_STRING,
    NOT_ON_VALUES,
    NOT_ON_VARIABLES,
    F,
    FieldFlag,
    HistField,
    hitcount,
)
from tracefs_fuse.tracing.hist.render import Renderer
from tracefs_fuse.tracing.hist.table import Table
from tracefs_fuse.tracing.hist.variables import find_var
from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.hist.actions import Action
    from tracefs_fuse.tracing.hist.field_variables import FieldVariable

AddHelper = Callable[["EventFile", str, HistLog], None]

_MAX_KEYS = 3
_MAX_VALUES = 3
_MAX_SORT_KEYS = 2
_WORD = 8


class Histogram:
    """What a command defines."""

    def __init__(
        self,
        file: EventFile,
        command: Command,
        log: HistLog,
        actions: list[Action],
        add_helper: AddHelper,
        *,
        remove: bool,
    ) -> None:
        """add_helper: runs a command that makes a histogram on another event.

        remove: the command is one to remove such a histogram.
        """
        self.file = file
        self.command = command
        self.log = log
        self.actions = actions
        self.add_helper = add_helper
        self.version = file.array.tracing.version
        self.remove = remove
        self.uses_timestamps = False
        self.timestamps_in_us = False
        self.references: list[HistField] = []
        self.field_variables: list[FieldVariable] = []
        """Fields that actions pass on."""

        self.saved: list[FieldVariable] = []
        """What save() keeps."""

        self.helpers: list[tuple[EventFile, str]] = []
        """Commands of the histograms that were made on other events for their fields."""

        self.comm_slot: int | None = None
        """Where an entry has the name of the task that made it."""

        self.table = Table(command.size)
        command.define(log)
        self.values = [hitcount()]
        self.variables: list[HistField] = []
        self.keys: list[HistField] = []
        self._slots: list[Any] = []
        self._create_values()
        self._create_variables()
        self._create_keys()
        command.variables.clear()  # what actions refer to is no longer replaced by definitions
        self.sort_keys = list(self._sort_keys())

    @property
    def fields(self) -> list[HistField]:
        """All fields in the kernel's order."""
        return [*self.values, *self.variables, *self.keys]

    # -- fields ----------------------------------------------------------------------------

    def _create_values(self) -> None:
        """create_val_fields()."""
        texts = self.command.values.split(",") if self.command.values is not None else []
        is_field = "hitcount" in self.version.hist_special_fields
        absorbed = 0
        taken = 0
        while taken < min(len(texts), _MAX_VALUES) and len(self.values) < _MAX_VALUES:
            text = texts[taken]
            taken += 1
            if text == "hitcount" and not (is_field and absorbed):
                absorbed += 1
            else:
                self.values.append(self._create_value(text))
        if texts[taken:] not in ([], ["hitcount"]):
            raise refuse(errno.EINVAL)
        if len(self.values) == 1 and self.command.no_hitcount:
            raise self.log.refused(HistError.NEED_NOHC_VAL, code=errno.ENOENT)
        self._slots = [0] * len(self.values)
        for slot, value in enumerate(self.values):
            value.slot = slot

    def _create_value(self, text: str, definition: Definition | None = None) -> HistField:
        """__create_val_field(): a value, or a variable if it is defined as one."""
        flags = F.NONE if definition is None else F.VARIABLE
        name = definition.name if definition is not None else None
        field = ExpressionParser(self, definition).parse(text, flags, name)
        if definition is not None:
            illegal = NOT_ON_VARIABLES
        elif self.version.hist_value_percent:
            illegal = NOT_ON_VALUES
        else:
            illegal = NOT_ON_VALUES | F.PERCENT | F.GRAPH
        if field.flags & illegal:
            raise self.log.refused(HistError.BAD_FIELD_MODIFIER, text)
        return field

    def _create_variables(self) -> None:
        """create_var_fields()."""
        for definition in self.command.variables:
            if not self.remove and find_var(self, definition.name) is not None:
                raise self.log.refused(HistError.DUPLICATE_VAR, definition.name)
            variable = self._create_value(definition.expression, definition)
            variable.slot = self.new_slot()
            self.variables.append(variable)

    def _create_keys(self) -> None:
        """create_key_fields()."""
        texts = self.command.keys.split(",")
        stack_size = self.version.hist_stack_depth * _WORD
        for text in texts[:_MAX_KEYS]:
            key = ExpressionParser(self).parse(text, F.KEY)
            if _has_references(key):
                raise self.log.refused(HistError.INVALID_REF_KEY, text)
            if F.LOG2 in key.flags and F.COMM in key.flags:
                raise refuse(errno.EINVAL)  # a kernel takes it, and dies at the first event
            size = stack_size if F.STACKTRACE in key.flags else key.size
            key.size = -(-size // _WORD) * _WORD
            self.keys.append(key)
            if sum(key.size for key in self.keys) > MAX_STRING + stack_size:
                raise refuse(errno.EINVAL)
        if len(texts) > _MAX_KEYS:
            raise refuse(errno.EINVAL)

    def _sort_keys(self) -> Iterator[tuple[HistField, bool]]:
        """create_sort_keys(): fields, and whether they descend."""
        if self.command.sort is None:
            yield self.values[0], False
            return
        texts = self.command.sort.split(",")
        for number, text in enumerate(texts, 1):
            name, dot, direction = text.partition(".")
            if not text:
                raise self.log.refused(HistError.EMPTY_SORT_FIELD, "sort=")
            if number == _MAX_SORT_KEYS and len(texts) > number:
                raise self.log.refused(HistError.TOO_MANY_SORT_FIELDS, "sort=")
            if not name:
                raise self.log.refused(HistError.EMPTY_SORT_FIELD, "sort=")
            found = [f for f in (*self.values, *self.keys) if f.plain_name() == name]
            if not found:
                raise self.log.refused(HistError.INVALID_SORT_FIELD, name)
            if dot and direction not in ("ascending", "descending"):
                raise self.log.refused(HistError.INVALID_SORT_MODIFIER, direction)
            yield found[0], direction == "descending"

    # -- variables -------------------------------------------------------------------------

    def new_slot(self, initial: Any = None) -> int:
        """Room for one more value in each entry."""
        self._slots.append(initial)
        return len(self._slots) - 1

    def find_variable(self, name: str) -> HistField | None:
        """find_var_field(): a variable that the command defines."""
        return next((field for field in self.variables if field.variable == name), None)

    def variable_at(self, slot: int) -> HistField:
        """The definition of what a reference refers to."""
        passed = [variable.variable for variable in (*self.field_variables, *self.saved)]
        return next(field for field in (*self.variables, *passed) if field.slot == slot)

    def matched_files(self) -> Iterator[EventFile]:
        """The events of the onmatch() clauses."""
        return (action.matched for action in self.actions if action.matched is not None)

    def is_referenced(self) -> bool:
        """check_var_refs(): another histogram of the instance uses a variable of this one."""
        return any(
            reference.owner is self
            for file in self.file.array.all_files()
            for trigger in file.hists
            if trigger.histogram is not self
            for reference in trigger.histogram.references
        )

    # -- identity --------------------------------------------------------------------------

    def matches(self, other: Histogram) -> bool:
        """hist_trigger_match(), filters aside: the same but for table size and expressions."""
        return self._identity() == other._identity()

    def _identity(self) -> tuple[object, ...]:
        fields = [
            (field.flags, _event_field(field), field.size, field.signed, field.variable)
            for field in self.fields
        ]
        position = {id(field): index for index, field in enumerate(self.fields)}
        sort = [(position[id(field)], descending) for field, descending in self.sort_keys]
        return fields, sort, [action.identity() for action in self.actions]

    # -- table -----------------------------------------------------------------------------

    def finish(self) -> None:
        """Make the table ready: all variables are known."""
        if any(F.EXECNAME in field.flags for field in self.fields):
            self.comm_slot = self.new_slot()
        self.table.lay_out(self._slots)

    def clear(self) -> None:
        """Forget all entries, and what snapshots were taken for."""
        self.table.clear()
        for action in self.actions:
            if action.snapshot is not None:
                action.snapshot.entry = None

    # -- text ------------------------------------------------------------------------------

    @cached_property
    def renderer(self) -> Renderer:
        """What makes the lines of its entries."""
        return Renderer(self)

    @cached_property
    def description(self) -> str:
        """The read-back of the command, without filter and state."""
        version, command = self.version, self.command
        values = self.values[1:] if command.no_hitcount else self.values
        keys = ",".join(key.described_key(version) for key in self.keys)
        variables = ",".join(variable.described(version) for variable in self.variables)
        sort = ",".join(
            field.described(version) + (".descending" if descending else "")
            for field, descending in self.sort_keys
        )
        parts = [
            "hist",
            *([f"name={command.name}"] if command.name is not None else []),
            f"keys={keys}",
            f"vals={','.join(value.described(version) for value in values)}",
            *([variables] if variables else []),
            f"sort={sort}",
            f"size={command.size}",
            *([f"clock={command.clock}"] if self.uses_timestamps else []),
            *(["nohitcount"] if command.no_hitcount else []),
            *(action.described(self.saved) for action in self.actions),
        ]
        return ":".join(parts)


def _event_field(field: HistField) -> tuple[object, ...] | None:
    """compatible_field(): what has to be the same of the event's field."""
    own = field.field
    return None if own is None else (own.name, own.type, own.size, own.signed)


def _has_references(field: HistField) -> bool:
    """field_has_hist_vars()."""
    own = bool(field.flags & (FieldFlag.VARIABLE | FieldFlag.REFERENCE))
    return own or any(_has_references(operand) for operand in field.operands)
