"""``/sys/kernel/mm/transparent_hugepage``: the knobs as text.

Modelled after the sysfs parts of mm/huge_memory.c, mm/khugepaged.c and mm/shmem.c.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine import Machine
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE, PAGE_SIZE
from engine.thp import ORDERS, SMALLEST_ANON_ORDER, SizeKnobs
from tracefs_fuse.files.node import Directory, Node, Request, TextFile
from tracefs_fuse.tracing.numbers import parse_unsigned, refuse

_WRITABLE, _READABLE = 0o644, 0o444
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


@dataclass(frozen=True)
class _Stats:
    """Names of the files in ``hugepages-SIZE/stats``."""

    anon: tuple[str, ...]
    common: tuple[str, ...]


_STATS = {
    "6.12": _Stats(_ANON_STATS, _SWAP_STATS),
    "6.18": _Stats(_ANON_STATS, (*_ZSWAP_STATS, *_SWAP_STATS)),
    "7.3": _Stats(
        (*_ANON_STATS, *_COLLAPSE_STATS),
        (*_ZSWAP_STATS, *_SWAP_STATS, "collapse_alloc", "collapse_alloc_failed"),
    ),
}
"""6.1 has no folders for sizes."""


class _SysfsFile(TextFile):
    """A file of sysfs, which shows the size of a page."""

    size = PAGE_SIZE


def thp_tree(machine: Machine) -> Directory:
    """The folder of a machine's kernel."""
    thp, changed = machine.thp, machine.kernel.khugepaged.start_stop
    entries: dict[str, Node] = {
        "defrag": _words(thp, "defrag", _DEFRAG),
        "enabled": _words(thp, "enabled", _ENABLED, changed),
        "hpage_pmd_size": _SysfsFile(_READABLE, lambda: f"{HPAGE_PMD_SIZE}\n"),
        "khugepaged": _khugepaged_tree(machine),
        "shmem_enabled": _shmem_enabled(machine),
        "use_zero_page": _flag(thp, "use_zero_page"),
    }
    version = machine.kernel.version
    if version.per_size_knobs:
        entries["shrink_underused"] = _switch(thp, "shrink_underused")
        for order in ORDERS:
            size = (PAGE_SIZE << order) >> 10
            entries[f"hugepages-{size}kB"] = _size_tree(machine, order, _STATS[version.name])
    return Directory(entries)


def _size_tree(machine: Machine, order: int, stats: _Stats) -> Directory:
    knobs = machine.thp.sizes[order]
    changed = machine.kernel.khugepaged.start_stop
    names = [*_SHMEM_STATS, *stats.common]
    entries: dict[str, Node] = {
        "shmem_enabled": _words(knobs, "shmem_enabled", _SIZE_SHMEM, changed)
    }
    if order >= SMALLEST_ANON_ORDER:
        names += stats.anon
        entries["enabled"] = _words(knobs, "enabled", _SIZE_ENABLED, changed)
    entries["stats"] = Directory({name: _stat(knobs, name) for name in sorted(names)})
    return Directory(dict(sorted(entries.items())))


def _stat(knobs: SizeKnobs, name: str) -> TextFile:
    return _SysfsFile(_READABLE, lambda: f"{knobs.stats.get(name, 0)}\n")


def _khugepaged_tree(machine: Machine) -> Directory:
    knobs = machine.thp.khugepaged
    hurry = machine.kernel.khugepaged.hurry
    return Directory(
        {
            "alloc_sleep_millisecs": _number(knobs, "alloc_sleep_millisecs", 0, _UINT_MAX, hurry),
            "defrag": _flag(knobs, "defrag"),
            "full_scans": _SysfsFile(_READABLE, lambda: f"{knobs.full_scans}\n"),
            "max_ptes_none": _number(knobs, "max_ptes_none", 0, _MAX_PTES),
            "max_ptes_shared": _number(knobs, "max_ptes_shared", 0, _MAX_PTES),
            "max_ptes_swap": _number(knobs, "max_ptes_swap", 0, _MAX_PTES),
            "pages_collapsed": _SysfsFile(_READABLE, lambda: f"{knobs.pages_collapsed}\n"),
            "pages_to_scan": _number(knobs, "pages_to_scan", 1, _UINT_MAX),
            "scan_sleep_millisecs": _number(knobs, "scan_sleep_millisecs", 0, _UINT_MAX, hurry),
        }
    )


# -- kinds of knobs ------------------------------------------------------------------------


def _nothing() -> None:
    """What most knobs do when they are written: nothing besides."""


def _knob(show: Callable[[], str], store: Callable[[str], None]) -> TextFile:
    def stored(request: Request, data: bytes) -> None:
        text = data.partition(b"\0")[0].decode("latin-1")
        if data:
            store(text.removesuffix("\n"))

    return _SysfsFile(_WRITABLE, show, stored)


def _words(
    knobs: Any, name: str, words: Sequence[str], changed: Callable[[], None] = _nothing
) -> TextFile:
    """One of some words; the one in force is shown in brackets."""

    def show() -> str:
        active = getattr(knobs, name)
        return " ".join(f"[{word}]" if word == active else word for word in words) + "\n"

    def store(text: str) -> None:
        if text not in words:
            raise refuse(errno.EINVAL)
        setattr(knobs, name, text)
        changed()

    return _knob(show, store)


def _parsed(text: str, error: int) -> int:
    """A decimal number with an optional plus."""
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise refuse(errno.EINVAL)
    try:
        return parse_unsigned(digits)
    except OSError:
        raise refuse(error) from None


def _number(
    knobs: Any, name: str, low: int, high: int, changed: Callable[[], None] = _nothing
) -> TextFile:
    """A number in a range; EINVAL outside of it."""

    def store(text: str) -> None:
        value = _parsed(text, errno.EINVAL)
        if not low <= value <= high:
            raise refuse(errno.EINVAL)
        setattr(knobs, name, value)
        changed()

    return _knob(lambda: f"{getattr(knobs, name)}\n", store)


def _flag(knobs: Any, name: str) -> TextFile:
    """0 or 1; a number that fits nowhere is ERANGE."""

    def store(text: str) -> None:
        value = _parsed(text, errno.ERANGE)
        if value > 1:
            raise refuse(errno.EINVAL)
        setattr(knobs, name, bool(value))

    return _knob(lambda: f"{int(getattr(knobs, name))}\n", store)


def _switch(knobs: Any, name: str) -> TextFile:
    """A switch in any of the spellings of kstrtobool()."""
    spellings: dict[bool, Iterable[str]] = {True: "yYtT1", False: "nNfF0"}

    def store(text: str) -> None:
        for value, letters in spellings.items():
            if text[:1] in tuple(letters) or text[:2].lower() == ("on" if value else "of"):
                setattr(knobs, name, value)
                return
        raise refuse(errno.EINVAL)

    return _knob(lambda: f"{int(getattr(knobs, name))}\n", store)


def _shmem_enabled(machine: Machine) -> TextFile:
    """``shmem_enabled``: ``force`` only while no size but the largest has a say."""
    thp = machine.thp
    plain = _words(thp, "shmem_enabled", _SHMEM, machine.kernel.khugepaged.start_stop)

    def store(request: Request, data: bytes) -> int | None:
        if len(data) > _MAX_SHMEM_WRITE:
            raise refuse(errno.EINVAL)
        inheriting = [o for o in ORDERS if thp.sizes[o].shmem_enabled == "inherit"]
        forced = data.removesuffix(b"\n") == b"force"
        if forced and machine.kernel.version.per_size_knobs and inheriting != [HPAGE_PMD_ORDER]:
            raise refuse(errno.EINVAL)
        assert plain.store is not None
        return plain.store(request, data)

    return _SysfsFile(_WRITABLE, plain.show, store)
