"""The order of a histogram's entries.

Modelled after tracing_map_sort_entries() (kernel/trace/tracing_map.c) and sort() (lib/sort.c).
The kernel sorts with a heap, which leaves entries that compare equal in an order of its own; that
order is reproduced where there are such entries.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from tracefs_fuse.tracing.field import U64, Kind
from tracefs_fuse.tracing.hist.field import F, HistField
from tracefs_fuse.tracing.hist.keys import is_plain_number, pack_key
from tracefs_fuse.tracing.hist.table import Entry, Key

Row = tuple[Key, Entry]


def sorted_rows(
    entries: dict[Key, Entry],
    keys: Sequence[HistField],
    sort_keys: Sequence[tuple[HistField, bool]],
    *,
    pairs: bool,
) -> list[Row]:
    """The entries in the order in which ``hist`` shows them.

    sort_keys: one or two fields, and whether they descend.
    pairs: see :func:`heap_sorted`.
    """
    rows = list(entries.items())
    if len(rows) < 2:
        return rows
    ranks = [_ranks(rows, keys, field, descending) for field, descending in sort_keys]
    together: list[Any] = ranks[0] if len(ranks) == 1 else list(zip(*ranks, strict=True))
    if len(set(together)) == len(rows):
        return [rows[i] for i in sorted(range(len(rows)), key=together.__getitem__)]
    order = sorted(range(len(rows)), key=_binary_order(rows, keys))
    order = heap_sorted(order, ranks[0], pairs=pairs)
    for ranking in ranks[1:]:
        order = [
            index
            for _, run in groupby(order, key=ranks[0].__getitem__)
            for index in heap_sorted(list(run), ranking, pairs=pairs)
        ]
    return [rows[i] for i in order]


def _binary_order(rows: Sequence[Row], keys: Sequence[HistField]) -> Callable[[int], Any]:
    """A sort key for indices of rows: how memcmp() orders the keys."""
    if len(keys) == 1 and isinstance(rows[0][0], int):
        numbers = array("Q", [key & U64 for key, _ in rows])
        numbers.byteswap()
        return numbers.__getitem__
    return [pack_key(key, keys) for key, _ in rows].__getitem__


def _ranks(
    rows: Sequence[Row], keys: Sequence[HistField], field: HistField, descending: bool
) -> list[int]:
    """A number for each row that compares as the field does."""
    if F.KEY not in field.flags:
        slot = field.slot
        values: list[Any] = [entry[slot] & U64 for _, entry in rows]
    else:
        comparable = _comparable(field)
        if len(keys) == 1:
            values = [comparable(key) for key, _ in rows]
        else:
            position = next(i for i, key in enumerate(keys) if key is field)
            values = [comparable(key[position]) for key, _ in rows]
    if values and isinstance(values[0], bytes):
        numbers = {value: rank for rank, value in enumerate(sorted(set(values)))}
        values = [numbers[value] for value in values]
    return [-value for value in values] if descending else values


def _comparable(key: HistField) -> Callable[[Any], Any]:
    """What a key field's value compares as (tracing_map_cmp_num() and its like)."""
    if key.flags & (F.STACKTRACE | F.COMM):
        return lambda value: 0
    own = key.field
    if own is not None and own.kind in (Kind.STATIC_STRING, Kind.DYNAMIC_STRING):
        return _as_string
    if is_plain_number(key):
        return lambda value: value
    size, signed = (
        (key.size, key.signed) if own is None or F.CPU in key.flags else (own.size, own.signed)
    )
    mask = (1 << 8 * size) - 1
    sign = 1 << 8 * size - 1 if signed else 0
    return lambda value: ((value & mask) ^ sign) - sign


def _as_string(value: int | bytes) -> bytes:
    data = (value & U64).to_bytes(8, "little") if isinstance(value, int) else value
    return data.partition(b"\0")[0]


def heap_sorted(rows: list[int], ranking: Sequence[int], *, pairs: bool) -> list[int]:
    """Indices of rows as the kernel's heap sort orders them by their ranks.

    pairs: as kernels do it that take two rows off the heap at a time, the root and the greater of
    its children; of equal children they move the right one up, others the left one.
    """
    size = len(rows)
    ranks = [ranking[row] for row in rows]
    right = int(pairs)
    for root in range(size // 2 - 1, -1, -1):
        _settle(ranks, rows, root, size, ranks[root], rows[root], right)
    while size > (3 if pairs else 1):
        size -= 1
        rank, row = ranks[size], rows[size]
        ranks[size], rows[size] = ranks[0], rows[0]
        if pairs:
            size -= 1
            second = 1 if ranks[1] > ranks[2] else 2
            if second < size:
                second_rank, second_row = ranks[size], rows[size]
                ranks[size], rows[size] = ranks[second], rows[second]
                _settle(ranks, rows, second, size, second_rank, second_row, right)
        _settle(ranks, rows, 0, size, rank, row, right)
    if pairs:
        _sort_last(ranks, rows, size)
    return rows


def _sort_last(ranks: list[int], rows: list[int], size: int) -> None:
    """Put the last two or three rows of a heap in order."""
    if size > 1:
        _swap(ranks, rows, 0, size - 1)
    if size == 3 and ranks[0] > ranks[1]:
        _swap(ranks, rows, 0, 1)


def _swap(ranks: list[int], rows: list[int], one: int, other: int) -> None:
    ranks[one], ranks[other] = ranks[other], ranks[one]
    rows[one], rows[other] = rows[other], rows[one]


def _settle(
    ranks: list[int], rows: list[int], root: int, size: int, rank: int, row: int, right: int
) -> None:
    """Put a row in at the root, below all that are greater.

    right: 1 if of equal children the right one moves up, 0 if the left one does.
    """
    last = size - 1
    child = 2 * root + 1
    while child <= last:
        highest = ranks[child]
        if child < last and highest < ranks[child + 1] + right:
            child += 1
            highest = ranks[child]
        if highest <= rank:
            break
        ranks[root] = highest
        rows[root] = rows[child]
        root = child
        child += child + 1
    ranks[root] = rank
    rows[root] = row
