"""``/sys/kernel/mm/transparent_hugepage``: the knobs as text.

Modelled after the sysfs parts of mm/huge_memory.c, mm/khugepaged.c and mm/shmem.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine import Machine
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.thp import ORDERS, SMALLEST_ANON_ORDER, SizeKnobs
from tracefs_fuse.files.node import Directory, Node
from tracefs_fuse.files.sysfs import Attribute, SysfsFolder
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse

_ENABLED = ("always", "madvise", "never")
_DEFRAG = ("always", "defer", "defer+madvise", "madvise", "never")
_SHMEM = ("always", "within_size", "advise", "never", "deny", "force")
_SIZE_ENABLED = ("always", "inherit", "madvise", "never")
_SIZE_SHMEM = ("always", "inherit", "within_size", "advise", "never")
_MAX_SHMEM_WRITE = 15
_UINT_MAX = (1 << 32) - 1
_MAX_PTES = (1 << HPAGE_PMD_ORDER) - 1

_ANON_STATS = (
    "anon_fault_alloc",
    "anon_fault_fallback",
    "anon_fault_fallback_charge",
    "split_deferred",
    "nr_anon",
    "nr_anon_partially_mapped",
)
_COLLAPSE_STATS = (
    "collapse_exceed_swap_pte",
    "collapse_exceed_none_pte",
    "collapse_exceed_shared_pte",
)
_SHMEM_STATS = ("shmem_alloc", "shmem_fallback", "shmem_fallback_charge")
_SWAP_STATS = ("swpout", "swpout_fallback", "split", "split_failed")
_ZSWAP_STATS = ("zswpout", "swpin", "swpin_fallback", "swpin_fallback_charge")

_SPELLINGS = {
    **dict.fromkeys(("y", "t", "1", "on"), True),
    **dict.fromkeys(("n", "f", "0", "of"), False),
}
"""How a text begins that kstrtobool() takes for a switch."""


@dataclass(frozen=True)
class _Sizes:
    """What came with the folders for sizes."""

    anon_stats: tuple[str, ...]
    """In ``hugepages-SIZE/stats`` of the sizes that anonymous memory can have."""

    common_stats: tuple[str, ...]
    """... and of all sizes."""

    spellings: Mapping[str, bool]
    """Of ``shrink_underused``."""


_SIZES = {
    "6.12": _Sizes(_ANON_STATS, _SWAP_STATS, _SPELLINGS),
    "6.18": _Sizes(
        _ANON_STATS, (*_ZSWAP_STATS, *_SWAP_STATS), {**_SPELLINGS, "e": True, "d": False}
    ),
    "7.3": _Sizes(
        (*_ANON_STATS, *_COLLAPSE_STATS),
        (*_ZSWAP_STATS, *_SWAP_STATS, "collapse_alloc", "collapse_alloc_failed"),
        {**_SPELLINGS, "e": True, "d": False},
    ),
}
"""6.1 has no folders for sizes."""


def thp_tree(machine: Machine) -> Directory:
    """The folder of a machine's kernel."""
    thp, changed = machine.thp, machine.kernel.khugepaged.start_stop
    version = machine.kernel.version
    sizes = _SIZES[version.name] if version.per_size_knobs else None

    def refused(word: str) -> bool:
        """Whether ``force`` would reach other sizes than the largest alone."""
        inheriting = [order for order in ORDERS if thp.sizes[order].shmem_enabled == "inherit"]
        return word == "force" and sizes is not None and inheriting != [HPAGE_PMD_ORDER]

    entries: dict[str, Node] = {
        "defrag": _words(thp, "defrag", _DEFRAG),
        "enabled": _words(thp, "enabled", _ENABLED, changed),
        "hpage_pmd_size": Attribute(lambda: f"{HPAGE_PMD_SIZE}\n"),
        "khugepaged": _khugepaged_tree(machine),
        "shmem_enabled": _words(
            thp, "shmem_enabled", _SHMEM, changed, word_of=_short_word, refused=refused
        ),
        "use_zero_page": _flag(thp, "use_zero_page"),
    }
    if sizes is not None:
        entries["shrink_underused"] = _switch(thp, "shrink_underused", sizes.spellings)
        for order in ORDERS:
            size = (PAGE_SIZE << order) >> 10
            entries[f"hugepages-{size}kB"] = _size_tree(machine, order, sizes)
    return SysfsFolder(entries)


def _size_tree(machine: Machine, order: int, sizes: _Sizes) -> Directory:
    thp, changed = machine.thp, machine.kernel.khugepaged.start_stop
    knobs = thp.sizes[order]

    def refused(word: str) -> bool:
        """Whether ``force`` is on, which only the largest size may inherit."""
        return word == "inherit" and thp.shmem_enabled == "force" and order != HPAGE_PMD_ORDER

    names = [*_SHMEM_STATS, *sizes.common_stats]
    entries: dict[str, Node] = {
        "shmem_enabled": _words(knobs, "shmem_enabled", _SIZE_SHMEM, changed, refused=refused)
    }
    if order >= SMALLEST_ANON_ORDER:
        names += sizes.anon_stats
        entries["enabled"] = _words(knobs, "enabled", _SIZE_ENABLED, changed)
    entries["stats"] = SysfsFolder({name: _stat(knobs, name) for name in names})
    return SysfsFolder(entries)


def _stat(knobs: SizeKnobs, name: str) -> Attribute:
    return Attribute(lambda: f"{knobs.stats.get(name, 0)}\n")


def _khugepaged_tree(machine: Machine) -> Directory:
    knobs = machine.thp.khugepaged
    hurry = machine.kernel.khugepaged.hurry
    return SysfsFolder(
        {
            "alloc_sleep_millisecs": _number(knobs, "alloc_sleep_millisecs", 0, _UINT_MAX, hurry),
            "defrag": _flag(knobs, "defrag"),
            "full_scans": Attribute(lambda: f"{knobs.full_scans}\n"),
            "max_ptes_none": _number(knobs, "max_ptes_none", 0, _MAX_PTES),
            "max_ptes_shared": _number(knobs, "max_ptes_shared", 0, _MAX_PTES),
            "max_ptes_swap": _number(knobs, "max_ptes_swap", 0, _MAX_PTES),
            "pages_collapsed": Attribute(lambda: f"{knobs.pages_collapsed}\n"),
            "pages_to_scan": _number(knobs, "pages_to_scan", 1, _UINT_MAX),
            "scan_sleep_millisecs": _number(knobs, "scan_sleep_millisecs", 0, _UINT_MAX, hurry),
        }
    )


# -- kinds of knobs ------------------------------------------------------------------------


def _nothing() -> None:
    """What most knobs do when they are written: nothing besides."""


def _text(data: bytes) -> str:
    """What was written, as a string of C."""
    return data.partition(b"\0")[0].decode("latin-1")


def _word(data: bytes) -> str:
    """sysfs_streq(): a newline at the end does not count."""
    return _text(data).removesuffix("\n")


def _short_word(data: bytes) -> str:
    """A word in a small buffer; EINVAL for more.  A newline does not count as the last byte."""
    if len(data) > _MAX_SHMEM_WRITE:
        raise refuse(errno.EINVAL)
    return _text(data.removesuffix(b"\n"))


def _words(
    knobs: Any,
    name: str,
    words: Sequence[str],
    changed: Callable[[], None] = _nothing,
    *,
    word_of: Callable[[bytes], str] = _word,
    refused: Callable[[str], bool] = lambda word: False,
) -> Attribute:
    """One of some words; the one in force is shown in brackets.

    refused: says of a known word whether it can't be set now, which is EINVAL too.
    """

    def show() -> str:
        active = getattr(knobs, name)
        return " ".join(f"[{word}]" if word == active else word for word in words) + "\n"

    def store(data: bytes) -> None:
        word = word_of(data)
        if word not in words or refused(word):
            raise refuse(errno.EINVAL)
        setattr(knobs, name, word)
        changed()

    return Attribute(show, store)


def _number(
    knobs: Any, name: str, low: int, high: int, changed: Callable[[], None] = _nothing
) -> Attribute:
    """A number in a range; EINVAL for anything else."""

    def store(data: bytes) -> None:
        try:
            value = parse_unsigned(_text(data))
        except OSError:
            raise refuse(errno.EINVAL) from None
        if not low <= value <= high:
            raise refuse(errno.EINVAL)
        setattr(knobs, name, value)
        changed()

    return Attribute(lambda: f"{getattr(knobs, name)}\n", store)


def _flag(knobs: Any, name: str) -> Attribute:
    """0 or 1; a number that fits nowhere is ERANGE."""

    def store(data: bytes) -> None:
        value = parse_unsigned(_text(data))
        if value > 1:
            raise refuse(errno.EINVAL)
        setattr(knobs, name, bool(value))

    return Attribute(lambda: f"{int(getattr(knobs, name))}\n", store)


def _switch(knobs: Any, name: str, spellings: Mapping[str, bool]) -> Attribute:
    """A switch in any of the spellings, which may go on as they like."""

    def store(data: bytes) -> None:
        text = _text(data).lower()
        for spelling, value in spellings.items():
            if text.startswith(spelling):
                setattr(knobs, name, value)
                return
        raise refuse(errno.EINVAL)

    return Attribute(lambda: f"{int(getattr(knobs, name))}\n", store)
