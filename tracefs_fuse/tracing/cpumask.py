"""The ``tracing_cpumask`` file: CPUs whose events are recorded.

Modelled after tracing_cpumask_write() (kernel/trace/trace.c) and bitmap_parse() (lib/bitmap-str.c).
"""

from __future__ import annotations

import errno
import re
from string import hexdigits
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_SEPARATOR = re.compile(r"[\s,]+")
_WORD_DIGITS = 8
_WORD_BITS = 32


def mask_text(cpus: set[int], cpu_count: int) -> str:
    """A set of CPUs as the kernel shows it: hexadecimal words of 32 bits."""
    value = sum(1 << cpu for cpu in cpus)
    words = []
    for low in range(0, cpu_count, _WORD_BITS):
        digits = -(-min(_WORD_BITS, cpu_count - low) // 4)
        words.append(f"{value >> low & 0xFFFFFFFF:0{digits}x}")
    return ",".join(reversed(words))


def text(array: TraceArray) -> str:
    cpu_count = array.tracing.cpu_count
    return mask_text(set(range(cpu_count)) - array.disabled_cpus, cpu_count) + "\n"


def write(array: TraceArray, data: str) -> None:
    """EINVAL for what is no mask, EOVERFLOW for CPUs that can't exist; blanks are no CPU."""
    value = 0
    for shift, word in enumerate(reversed(_SEPARATOR.split(data.strip()))):
        if set(word[-_WORD_DIGITS - 1 :]) - set(hexdigits):
            raise refuse(errno.EINVAL)
        if len(word) > _WORD_DIGITS:
            raise refuse(errno.EOVERFLOW)
        value |= int(word or "0", 16) << shift * _WORD_BITS
    cpus = range(array.tracing.cpu_count)
    if value >> len(cpus):
        raise refuse(errno.EOVERFLOW)
    array.disable_cpus(frozenset(cpu for cpu in cpus if not value >> cpu & 1))
