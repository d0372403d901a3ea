"""Addresses of the kernel functions that traces mention, and their names.

Modelled after sprint_symbol() and s_show() (kernel/kallsyms.c), and stack_trace_save()
(kernel/stacktrace.c).
The addresses are made up, the same in each lab; each kernel version has its own.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

from tracefs_fuse.tracing.events.stacks import (
    MARKER_WRITER,
    SNAPSHOT_REFUSER,
    all_frames,
    frames_of,
    hist_frames_of,
)
from tracefs_fuse.tracing.origin import Origin
from tracefs_fuse.tracing.versions import VERSIONS

_MOST_STACKS = 512
"""Kept of those that were asked for: tasks can have any number of names."""

_TEXT = 0xFFFFFFFF81000000
_IMAGE_SIZE = 0x1000000
_ALIGNMENT = 16


@dataclass(frozen=True, order=True)
class _Function:
    start: int
    size: int
    name: str


def _split(frame: str) -> tuple[str, int, int]:
    """Name, offset and size of ``name+offset/size``."""
    name, _, place = frame.partition("+")
    offset, _, size = place.partition("/")
    return name, int(offset, 16), int(size, 16)


def _functions() -> dict[tuple[str, str], _Function]:
    """All functions by version and name."""
    functions = {}
    for image, version in enumerate(VERSIONS):
        start = _TEXT + image * _IMAGE_SIZE
        sizes = {name: size for name, _, size in map(_split, all_frames(version))}
        for name, size in sorted(sizes.items()):
            functions[version, name] = _Function(start, size, name)
            start += -(-size // _ALIGNMENT) * _ALIGNMENT
    return functions


_FUNCTIONS = _functions()
_BY_ADDRESS = sorted(_FUNCTIONS.values())


def _address(frame: str, version: str) -> int:
    name, offset, _ = _split(frame)
    return _FUNCTIONS[version, name].start + offset


MARKER_ADDRESS = {version: _address(frame, version) for version, frame in MARKER_WRITER.items()}
"""The address in a record that a write to trace_marker makes, by version."""

SNAPSHOT_ADDRESS = {
    version: _address(frame, version) for version, frame in SNAPSHOT_REFUSER.items()
}
"""The address in the records that say that no snapshot buffer is allocated, by version."""


def _function_at(address: int) -> _Function | None:
    index = bisect_right(_BY_ADDRESS, address, key=lambda function: function.start)
    function = _BY_ADDRESS[index - 1] if index else None
    return function if function is not None and address < function.start + function.size else None


def symbol(address: int) -> str:
    """``%pS``: ``name+0x10/0x40``, or the address in hexadecimal when no function is there."""
    function = _function_at(address)
    if function is None:
        return f"0x{address:x}"
    return f"{function.name}+0x{address - function.start:x}/0x{function.size:x}"


def symbol_name(address: int) -> str:
    """``%ps``: the function's name only."""
    function = _function_at(address)
    return f"0x{address:x}" if function is None else function.name


def kallsyms_text(version: str, *, hidden: bool = False) -> str:
    """``/proc/kallsyms``.  hidden: addresses are shown as zero."""
    functions = sorted(f for (image, _), f in _FUNCTIONS.items() if image == version)
    return "".join(f"{0 if hidden else f.start:016x} T {f.name}\n" for f in functions)


@lru_cache(_MOST_STACKS)
def stack_of(events: tuple[str, ...], origin: Origin, version: str, task: str) -> tuple[int, ...]:
    """The kernel stack that a stacktrace trigger finds at an event, innermost address first.

    events: names, the last one that of the event; each one before it generates the next.
    origin: of the first event.
    task: name of the task in whose context it happens.
    """
    return tuple(_address(frame, version) for frame in frames_of(events, origin, version, task))


@lru_cache(_MOST_STACKS)
def hist_stack_of(
    events: tuple[str, ...], origin: Origin, version: str, task: str
) -> tuple[int, ...]:
    """The stack as ``common_stacktrace`` of a histogram has it; parameters as of stack_of()."""
    frames = hist_frames_of(events, origin, version, task)
    return tuple(_address(frame, version) for frame in frames)
