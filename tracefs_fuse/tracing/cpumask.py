"""The ``tracing_cpumask`` file: CPUs whose events are recorded.

Modelled after tracing_cpumask_write() (kernel/trace/trace.c) and bitmap_parse() (lib/bitmap-str.c).
"""

from __future__ import annotations

import errno
import re
from string import hexdigits
from typing import TYPE_CHECKING

from tracefs_fuse.tracing.ctype import BLANKS
from tracefs_fuse.tracing.numbers import refuse

if TYPE_CHECKING:
    from tracefs_fuse.tracing.trace_array import TraceArray

_BETWEEN_WORDS = BLANKS + ","
_WORD_DIGITS = 8
_WORD_BITS = 32
_DIGITS = re.compile(rf"[0-9a-fA-F]{{1,{_WORD_DIGITS}}}\Z")


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
    cpu_count = array.tracing.cpu_count
    value = shift = 0
    rest = data.partition("\n")[0]
    while rest := rest.rstrip(_BETWEEN_WORDS):
        if shift >= cpu_count:
            raise refuse(errno.EOVERFLOW)
        word, rest = _last_word(rest)
        value |= word << shift
        shift += _WORD_BITS
    if value >> cpu_count:
        raise refuse(errno.EOVERFLOW)
    array.disable_cpus(frozenset(cpu for cpu in range(cpu_count) if not value >> cpu & 1))


def _last_word(text: str) -> tuple[int, str]:
    """bitmap_get_x32_reverse(): the number at the end of a text, and what stands before it.

    The character before eight digits is never looked at again, unless it is one digit too many.
    """
    digits = _DIGITS.search(text)
    before = text[: digits.start()] if digits else text
    odd = before[-1:].strip(_BETWEEN_WORDS)
    if digits is None or (odd and len(digits[0]) < _WORD_DIGITS):
        raise refuse(errno.EINVAL)
    if odd and odd in hexdigits:
        raise refuse(errno.EOVERFLOW)
    return int(digits[0], 16), before[:-1]
