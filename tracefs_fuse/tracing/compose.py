"""Composing Python functions from source text, as the kernel patches its static branches.

An event's path (filters, triggers, histograms, recording) is written as source over local
variables, one for each field (:attr:`Field.variable`), and compiled into one function; what the
source refers to by name lives in a :class:`Namespace`.

Besides the fields' variables, composed code may use these, if it declares them as needed:

=========  ====================================================================
``task``   the current task: pid, tgid, comm (str)
``cpu``    number of the current CPU
``comm``   the task's name, bytes
``ts``     the instance's trace clock when the event happened
``common_type``, ``common_flags``, ``common_preempt_count``, ``common_pid``
           the record's header
=========  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Namespace:
    """The global names of one composed function."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def bind(self, value: object, hint: str = "c") -> str:
        """A name for an object in the composed source; ints and bytes may be written literally."""
        name = f"{hint}{len(self.values)}_"
        self.values[name] = value
        return name


def indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def composed(
    name: str, parameters: Iterable[str], body: list[str], namespace: Namespace
) -> Callable[..., Any]:
    """Compile a function with the names of a namespace; its own name shows in tracebacks only."""
    source = "\n".join([f"def path({', '.join(parameters)}):", *indented(body or ["pass"])])
    scope: dict[str, Any] = dict(namespace.values)
    exec(compile(source, f"<composed {name}>", "exec"), scope)
    function: Callable[..., Any] = scope["path"]
    return function
