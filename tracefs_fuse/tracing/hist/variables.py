"""Variables of histograms: where they are found, and references to them.

Modelled after find_event_var(), create_var_ref() and their neighbours
(kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.hist.errors import HistError
from tracefs_fuse.tracing.hist.field import F, HistField

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.hist.histogram import Histogram
    from tracefs_fuse.tracing.trace_array import TraceArray

_MAX_REFERENCES = 16
_OPERATORS = "-+*/"
_INHERITED = F.TIMESTAMP | F.USECS | F.STRING | F.STACKTRACE


def find_event_file(array: TraceArray, system: str, event: str) -> EventFile | None:
    """find_event_file(): an event of an instance, ftrace's print among them."""
    printed = array.print_file
    if (system, event) == (printed.event.system, printed.event.name):
        return printed
    return array.files.get((system, event))


def histograms_of(file: EventFile) -> list[Histogram]:
    """The histograms on an event, in the order of its triggers."""
    return [trigger.histogram for trigger in file.hists]


def find_var(histogram: Histogram, name: str) -> HistField | None:
    """find_var(): a variable of this histogram or of another one on the same event."""
    for candidate in (histogram, *histograms_of(histogram.file)):
        found = candidate.find_variable(name)
        if found is not None:
            return found
    return None


def find_file_var(file: EventFile, name: str) -> tuple[Histogram, HistField] | None:
    """A variable of the histograms on an event, with its owner."""
    for histogram in histograms_of(file):
        found = histogram.find_variable(name)
        if found is not None:
            return histogram, found
    return None


def find_event_var(
    histogram: Histogram, system: str, event: str, name: str
) -> tuple[Histogram, HistField] | None:
    """find_event_var(): a variable of another histogram of the instance, with its owner.

    Without system and event, events of onmatch() come before all others.
    """
    array = histogram.file.array
    if system:
        owner = array.files.get((system, event))  # ftrace's print is not found by its name
        return find_file_var(owner, name) if owner is not None else None
    matching: list[tuple[Histogram, HistField]] = []
    for file in histogram.matched_files():
        found = find_file_var(file, name)
        if found is not None:
            if matching:
                histogram.log.add(HistError.VAR_NOT_UNIQUE, name)
                return None
            matching.append(found)
    if matching:
        return matching[0]
    files = _files_with_hists(histogram)
    everywhere = [found for file in files if (found := find_file_var(file, name))]
    if len(everywhere) > 1:
        histogram.log.add(HistError.VAR_NOT_UNIQUE, name)
        return None
    return everywhere[0] if everywhere else None


def _files_with_hists(histogram: Histogram) -> Iterator[EventFile]:
    array = histogram.file.array
    files = [*array.files.values(), array.print_file]
    return (file for file in files if file.triggers)


def local_field_var_ref(histogram: Histogram, system: str, event: str, name: str) -> str | None:
    """What a variable of the same command stands for, if it is defined as a plain field."""
    own = histogram.file.event
    if system and (system, event) != (own.system, own.name):
        return None
    if not name.startswith("$"):
        return None
    for definition in histogram.command.variables:
        text = definition.expression
        is_plain = not any(c in text for c in _OPERATORS) and not text.startswith("$")
        if is_plain and definition.name == name[1:]:
            return text
    return None


def parse_var_ref(histogram: Histogram, system: str, event: str, name: str) -> HistField | None:
    """parse_var_ref(): the reference that ``$NAME`` is; None, and logged, if there is none."""
    if not name.startswith("$") or name == "$":
        return None
    found = find_event_var(histogram, system, event, name[1:])
    reference = create_var_ref(histogram, *found, system, event) if found is not None else None
    if reference is None:
        histogram.log.add(HistError.VAR_NOT_FOUND, name[1:])
    return reference


def create_var_ref(
    histogram: Histogram, owner: Histogram, variable: HistField, system: str = "", event: str = ""
) -> HistField | None:
    """create_var_ref(): the histogram's reference to a variable; None if it has too many.

    One reference serves all uses that are written the same way.
    """
    qualifier = f"{system}.{event}." if system else ""
    for known in histogram.references:
        if (known.owner, known.slot, known.qualifier) == (owner, variable.slot, qualifier):
            return known
    if len(histogram.references) >= _MAX_REFERENCES:
        return None
    reference = HistField(
        F.REFERENCE | variable.flags & _INHERITED,
        variable.type,
        variable.size,
        variable.signed,
        name=variable.variable or "",
        qualifier=qualifier,
        slot=variable.slot,
        owner=owner,
    )
    histogram.references.append(reference)
    return reference


def create_alias(reference: HistField, variable: str) -> HistField:
    """create_alias(): a variable that has the value of another one."""
    return HistField(
        F.ALIAS | F.VARIABLE | reference.flags & _INHERITED,
        reference.type,
        reference.size,
        reference.signed,
        variable=variable,
        operands=(reference,),
    )
