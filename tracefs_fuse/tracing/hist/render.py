"""The ``hist`` file: the text of an event's histograms.

Modelled after hist_show() and hist_trigger_entry_print() (kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.compose import Namespace, composed
from tracefs_fuse.tracing.field import U64
from tracefs_fuse.tracing.hist.actions import ActionKind, Handler
from tracefs_fuse.tracing.hist.field import F, HistField
from tracefs_fuse.tracing.hist.keys import KeyForm, form_of, pack_key
from tracefs_fuse.tracing.hist.sort import Row, sorted_rows
from tracefs_fuse.tracing.hist.syscalls import syscall_name
from tracefs_fuse.tracing.kallsyms import symbol, symbol_name

if TYPE_CHECKING:
    from tracefs_fuse.tracing.hist.histogram import Histogram
    from tracefs_fuse.tracing.hist.trigger import HistTrigger

_RowsText = Callable[[Sequence[Row], dict[int, int]], list[str]]
_U32 = (1 << 32) - 1
_AS_NUMBER = F.HEX | F.SYM | F.SYM_OFFSET | F.EXECNAME | F.SYSCALL
"""Modifiers that show the first word of a key, whatever it is."""

_BAR = 20
"""Characters of a full bar of ``.graph``."""

_PERCENT = 10000
"""A whole, in hundredths of a percent."""


def triggers_text(triggers: Sequence[HistTrigger]) -> str:
    """The text of the histograms of one event."""
    return "\n\n".join(_histogram_text(trigger) for trigger in triggers)


def _histogram_text(trigger: HistTrigger) -> str:
    histogram = trigger.histogram
    table = histogram.table
    rows = sorted_rows(
        table.entries,
        histogram.keys,
        histogram.sort_keys,
        pairs=histogram.version.sort_takes_pairs,
    )
    return (
        f"# event histogram\n#\n# trigger info: {trigger.described()}\n#\n\n"
        f"{''.join(histogram.renderer.lines(rows))}"
        f"{_snapshots_text(histogram)}"
        f"\nTotals:\n    Hits: {table.hits}\n    Entries: {len(rows)}\n    Dropped: {table.drops}\n"
    )


def _snapshots_text(histogram: Histogram) -> str:
    """track_data_snapshot_print(): what made the latest snapshots."""
    text = ""
    for action in histogram.actions:
        details = action.snapshot
        if details is not None and details.entry is not None:
            key = histogram.renderer.key_text((details.key, details.entry))
            text += (
                "\nSnapshot taken (see tracing/snapshot).  Details:\n"
                f"\ttriggering value {{ {action.handler.value}({action.argument}) }}: "
                f"{details.value:10}"
                f"\ttriggered by event with key: {key}\n"
            )
    return text


class Renderer:
    """Composes functions that make text of rows.

    In them ``k`` is the key, ``e`` the entry, and ``w`` has, by slot, what a value is a part of.
    """

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._namespace = Namespace()

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """The lines of the rows, each with its newline."""
        return self._lines(rows, self._wholes(rows))

    def key_text(self, row: Row) -> str:
        """The part of a line in braces."""
        return self._key_texts([row], {})[0]

    @cached_property
    def _lines(self) -> _RowsText:
        return self._function([self._keys(), *self._values(), *self._tracked(), "\\n"])

    @cached_property
    def _key_texts(self) -> _RowsText:
        return self._function([self._keys()])

    def _function(self, parts: list[str]) -> _RowsText:
        text = "".join(parts)
        body = [f'return [f"{text}" for k, e in rows]']
        return composed("lines", ["rows", "w"], body, self._namespace)

    def _wholes(self, rows: Sequence[Row]) -> dict[int, int]:
        """The total of each value that is shown in percent, the highest of those with a bar."""
        wholes = {}
        for value in self._histogram.values:
            if value.flags & (F.PERCENT | F.GRAPH):
                numbers = [entry[value.slot] & U64 for _, entry in rows]
                percent = F.PERCENT in value.flags
                wholes[value.slot] = sum(numbers) & U64 if percent else max(numbers, default=0)
        return wholes

    def _call(self, function: Callable[..., Any], argument: str) -> str:
        return f"{self._namespace.bind(function)}({argument})"

    def _literal(self, text: str) -> str:
        """Text inside of the f-string."""
        return f"{{{self._namespace.bind(text, 'text')}}}"

    # -- keys ------------------------------------------------------------------------------

    def _keys(self) -> str:
        """hist_trigger_print_key()."""
        keys = self._histogram.keys
        sources = ["k"] if len(keys) == 1 else [f"k[{i}]" for i in range(len(keys))]
        texts = [self._key(key, source) for key, source in zip(keys, sources, strict=True)]
        closing = "}}" if any(_is_shown_as_stack(key) for key in keys) else " }}"
        return "{{ " + ", ".join(texts) + closing

    def _key(self, key: HistField, source: str) -> str:
        flags = key.flags
        name = key.plain_name()
        if _is_shown_as_stack(key):
            title = key.described_key(self._histogram.version) + ("" if key.field else ":\n")
            return self._literal(title) + f"{{{self._call(_stack_text, source)}}}"
        title = self._literal(f"{name}: ")
        number = source if form_of(key) is KeyForm.UNSIGNED else f"{source} & {U64}"
        if flags & (F.STRING | F.STACKTRACE):
            number = self._call(lambda value: _first_word(value, key), source)
        if F.HEX in flags:
            return f"{title}{{{number}:x}}"
        if F.SYM in flags:
            return f"{title}[{{{number}:x}}] {{{self._call(symbol_name, number)}:<45}}"
        if F.SYM_OFFSET in flags:
            return f"{title}[{{{number}:x}}] {{{self._call(symbol, number)}:<55}}"
        if F.EXECNAME in flags:
            comm = self._call(_comm_text, f"e[{self._histogram.comm_slot}]")
            return f"{title}{{{comm}:<16}}[{{{number}:10}}]"
        if F.SYSCALL in flags:
            name = self._call(lambda n: syscall_name(n, self._histogram.version), number)
            return f"{title}{{{name}:<30}}[{{{number}:3}}]"
        if F.LOG2 in flags:
            return f"{title}~ 2^{{{number}:<2}}"
        if F.BUCKETS in flags:
            upper = f"({number}) + {key.buckets - 1} & {U64}"
            return f"{title}~ {{{number}}}-{{{upper}}}"
        if F.STRING in flags:
            return f"{title}{{{self._call(_string_text, source)}:<50}}"
        return f"{title}{{{number}:10}}"

    # -- values ----------------------------------------------------------------------------

    def _values(self) -> list[str]:
        parts = [] if self._histogram.command.no_hitcount else [" hitcount: {e[0]:10}"]
        shown = (v for v in self._histogram.values[1:] if F.EXPRESSION not in v.flags)
        return [*parts, *(self._value(value) for value in shown)]

    def _value(self, value: HistField) -> str:
        """hist_trigger_print_val()."""
        title = self._literal(f"  {value.plain_name()}")
        number = f"e[{value.slot}] & {U64}"
        share = f"{number}, w[{value.slot}]"
        if F.PERCENT in value.flags:
            return f"{title} (%):{{{self._call(_percent_text, share)}}}"
        if F.GRAPH in value.flags:
            return f"{title}: {{{self._call(_bar_text, share)}:<{_BAR}}}"
        return f"{title}: {{{number}:10{'x' if F.HEX in value.flags else ''}}}"

    # -- actions ---------------------------------------------------------------------------

    def _tracked(self) -> list[str]:
        """track_data_print() for onmax() and onchange(), unless all they do is take snapshots."""
        parts = []
        for action in self._histogram.actions:
            if action.tracked is None or action.kind is ActionKind.SNAPSHOT:
                continue
            title = "max" if action.handler is Handler.ONMAX else "changed"
            parts.append(f"\\n\\t{title}: {{e[{action.tracked_slot}]:10}}")
            parts += [self._saved(saved.name, saved.variable) for saved in self._histogram.saved]
        return parts

    def _saved(self, name: str, variable: HistField) -> str:
        title = self._literal(f"  {name}: ")
        source = f"e[{variable.slot}]"
        if F.STRING in variable.flags:
            return f"{title}{{{self._call(_string_text, source)}:<32}}"
        if F.STACKTRACE in variable.flags:
            return f"{title}{{{self._call(_stack_text, source)}}}"
        return f"{title}{{{source} or 0:10}}"


def _is_shown_as_stack(key: HistField) -> bool:
    return F.STACKTRACE in key.flags and not key.flags & _AS_NUMBER


def _comm_text(comm: bytes) -> str:
    return comm.decode("latin-1")


def _first_word(value: Any, key: HistField) -> int:
    """A key that is no number, where it is shown as one."""
    return (
        value & U64
        if isinstance(value, int)
        else int.from_bytes(pack_key(value, [key])[:8], "little")
    )


def _string_text(value: bytes | int | None) -> str:
    if not isinstance(value, bytes):
        return "(null)"
    return value.partition(b"\0")[0].decode("latin-1")


def _stack_text(addresses: Sequence[int] | None) -> str:
    return "".join(f"{'':9}{symbol(address)}\n" for address in addresses or ())


def _hundredths(value: int, whole: int) -> int | None:
    """__get_percentage(): hundredths of a percent; None for a part of nothing."""
    if whole and value >= U64 // _PERCENT:
        whole //= _PERCENT
        return value // whole & _U32 if whole else None
    if not whole:
        return None if value else 0
    return value * _PERCENT // whole & _U32


def _percent_text(value: int, total: int) -> str:
    share = _hundredths(value, total)
    return "[ERROR]" if share is None else f" {share // 100:3}.{share % 100:02}"


def _bar_text(value: int, highest: int) -> str:
    share = _hundredths(value, highest)
    return "[ERROR]" if share is None else "#" * min(share * _BAR // _PERCENT, _BAR)
