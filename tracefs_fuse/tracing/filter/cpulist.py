"""Lists of CPUs in text: ``0,2-5,8-15:2/4``.

Modelled after bitmap_parselist() (lib/bitmap-str.c).
"""

from __future__ import annotations

import re

_SEPARATORS = re.compile(rb"[,\t-\r \xa0]*")
_REGION = re.compile(
    rb"(?:(?P<all>(?i:all))|(?P<single>N|[0-9]+)(?!-)|(?P<first>N|[0-9]+)-(?P<last>N|[0-9]+))"
    rb"(?::(?P<used>N|[0-9]+)/(?P<group>N|[0-9]+))?(?=[,\t-\r \xa0]|\Z)"
)


def parse_cpulist(text: bytes, count: int) -> frozenset[int]:
    """The CPUs in a list, of ``count`` possible ones; ValueError if it isn't a list of such.

    ``N`` is the last CPU, ``all`` is all of them; ``:used/group`` takes the first ``used`` of each
    ``group`` in a range.
    """
    cpus: set[int] = set()
    position = _skipped(text, 0)
    while position < len(text):
        region = _REGION.match(text, position)
        if region is None or (region["single"] and region["used"]):
            raise ValueError(text)
        cpus |= _cpus(region, count)
        position = _skipped(text, region.end())
    return frozenset(cpus)


def _skipped(text: bytes, position: int) -> int:
    separators = _SEPARATORS.match(text, position)
    assert separators is not None
    return separators.end()


def _cpus(region: re.Match[bytes], count: int) -> set[int]:
    def number(name: str, default: int) -> int:
        text = region[name]
        if text is None:
            return default
        return count - 1 if text == b"N" else int(text)

    first = number("first", number("single", 0))
    last = number("last", number("single", count - 1))
    used = number("used", last + 1)
    group = number("group", last + 1)
    if first > last or last >= count or group == 0 or used > group:
        raise ValueError(region[0])
    return {cpu for cpu in range(first, last + 1) if (cpu - first) % group < used}
