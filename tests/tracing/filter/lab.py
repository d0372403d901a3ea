"""An instance that has nothing but filters, and what passes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tracefs_fuse.tracing.compose import Namespace, composed
from tracefs_fuse.tracing.error_log import ErrorLog
from tracefs_fuse.tracing.event import Layout, TraceEvent
from tracefs_fuse.tracing.events.huge_memory import definitions
from tracefs_fuse.tracing.field import Field
from tracefs_fuse.tracing.filter import Filter
from tracefs_fuse.tracing.versions import VERSIONS, KernelVersion


@dataclass
class FilterLab:
    """Tracing and its one instance in one object, as the filter files see them."""

    version: KernelVersion
    cpu_count: int = 1
    error_log: ErrorLog = field(default_factory=lambda: ErrorLog(lambda: 0))

    @property
    def tracing(self) -> FilterLab:
        return self


@dataclass
class FilterFile:
    """The filter of one event."""

    event: TraceEvent
    array: FilterLab
    filter: Filter | None = None
    filter_text: str | None = None
    changes: int = 0

    def changed(self) -> None:
        self.changes += 1


def huge_memory_events(version: str) -> dict[str, TraceEvent]:
    found = [TraceEvent.defined(d, VERSIONS[version]) for d in definitions(version)]
    return {event.name: event for event in found}


def passes(filter: Filter, variables: dict[str, Any]) -> bool:
    """Whether an event with these values of composed code's variables gets through."""
    namespace = Namespace()
    body = [f"return {filter.compose(namespace)}"]
    return bool(composed("passes", variables, body, namespace)(**variables))


def made_event(fields: list[Field]) -> TraceEvent:
    """An event with any fields, for what no event of the kernel's has."""
    return TraceEvent("lab", "made", 1, Layout(fields), "", lambda values, pointer: "")
