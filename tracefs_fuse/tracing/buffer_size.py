"""Sizes of an instance's ring buffers: buffer_size_kb and its kin.

Modelled after tracing_entries_read(), tracing_entries_write() and buffer_subbuf_size_write()
(kernel/trace/trace.c).  An instance at the top starts with two pages for each CPU and is expanded
to the default size when it is first used.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.buffer_page import PAGE_SIZE
from tracefs_fuse.tracing.numbers import number_written, refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

DEFAULT_SIZE = 1441792
"""Bytes for each CPU once expanded."""

MINIMAL_SIZE = 1
_MAX_ORDER = 7
_MAX_PERCENT = 100


def size_text(array: TraceArray, cpu: int | None) -> str:
    """``buffer_size_kb`` of all CPUs, or of one."""
    told = array.told_sizes
    sizes = {size >> 10 for size in (told if cpu is None else [told[cpu]])}
    if len(sizes) > 1:
        return "X\n"
    (size,) = sizes
    if cpu is None and not array.expanded:
        return f"{size} (expanded: {DEFAULT_SIZE >> 10})\n"
    return f"{size}\n"


def total_size_text(array: TraceArray) -> str:
    """``buffer_total_size_kb``."""
    total = sum(size >> 10 for size in array.told_sizes)
    expanded = len(array.told_sizes) * (DEFAULT_SIZE >> 10)
    return f"{total}\n" if array.expanded else f"{total} (expanded: {expanded})\n"


def write_size(array: TraceArray, cpu: int | None, text: str) -> None:
    """Kilobytes for each CPU, or for one; EINVAL for 0, else as :meth:`TraceArray.resize`."""
    kilobytes = number_written(text)
    if kilobytes == 0:
        raise refuse(errno.EINVAL)
    try:
        array.resize((kilobytes << 10) % (1 << 64), cpu)
    except OSError:
        if array.tracing.version.resize_hides_errors:
            raise refuse(errno.ENOMEM) from None
        raise


def subbuf_size_text(array: TraceArray) -> str:
    """``buffer_subbuf_size_kb``."""
    return f"{(PAGE_SIZE << array.buffer.order) >> 10}\n"


def write_subbuf_size(array: TraceArray, text: str) -> None:
    """Kilobytes of a sub-buffer, rounded up to a power of two of pages; 512 at most."""
    pages = -(-number_written(text) * 1024 // PAGE_SIZE)
    order = max(0, (pages - 1).bit_length())
    if pages < 1 or order > _MAX_ORDER:
        raise refuse(errno.EINVAL)
    array.set_subbuf_order(order)


def write_percent(array: TraceArray, text: str) -> None:
    """``buffer_percent``: 0 to 100."""
    percent = number_written(text)
    if percent > _MAX_PERCENT:
        raise refuse(errno.EINVAL)
    array.buffer_percent = percent
