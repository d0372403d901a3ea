"""The fixed entries of the ring buffer that are no events: what markers, stack traces and tracers
record (kernel/trace/trace_entries.h).

All have a ``format``; those that markers and triggers make can be packed and shown.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tracefs_fuse.tracing.event import COMMON, HEADER_CODES, Layout, TraceEvent
from tracefs_fuse.tracing.field import RECORD_HEADER_SIZE, Field, kind_of
from tracefs_fuse.tracing.print_fmt import PointerText, Values
from tracefs_fuse.tracing.versions import KernelVersion

SYSTEM = "ftrace"

SymbolText = Callable[[int], str]
"""How an address of code is shown; depends on the instance's options sym-offset and sym-addr."""

Show = Callable[[Values, SymbolText], str]
"""All of an entry's text behind the context, its newline included."""

_ADDRESS_SIZE = 8
_USER_FRAMES = 8

_SIZES = {
    "char": 1,
    "unsigned char": 1,
    "u16": 2,
    "int": 4,
    "unsigned int": 4,
    "u32": 4,
}
"""Of the types that are not as long as an address."""

_SIGNED = frozenset({"int", "long", "s64"})


# -- layouts -----------------------------------------------------------------------------------


class _OpenLayout(Layout):
    """The last field has no size of its own: it is what is left of the record."""

    def __init__(self, fields: Sequence[Field], *, text: bool) -> None:
        """text: that is a string with a NUL at its end, which values don't have."""
        super().__init__(fields)
        self._text = text

    def pack(self, header: tuple[int, int, int, int], values: Values) -> bytes:
        tail: bytes = values[-1]
        return self.struct.pack(*header, *values) + (tail + b"\0" if self._text else tail)

    def unpack_all(self, record: bytes) -> list[Any]:
        values = list(self.struct.unpack_from(record))
        tail = record[self.struct.size :]
        values[-1] = tail.partition(b"\0")[0] if self._text else tail
        return values


class _StackLayout(Layout):
    """A count, and addresses to the end of the record; the addresses are the values."""

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__(fields)
        self.struct = struct.Struct(f"<{HEADER_CODES}i4x")

    def pack(self, header: tuple[int, int, int, int], values: Values) -> bytes:
        return self.struct.pack(*header, len(values)) + struct.pack(f"<{len(values)}Q", *values)

    def unpack_all(self, record: bytes) -> list[Any]:
        count = (len(record) - self.struct.size) // _ADDRESS_SIZE
        addresses = struct.unpack_from(f"<{count}Q", record, self.struct.size)
        return [*COMMON.unpack_from(record), *addresses]


class _UserStackLayout(Layout):
    """The thread group, and eight addresses; zero behind the last one."""

    def __init__(self, fields: Sequence[Field]) -> None:
        super().__init__(fields)
        self.struct = struct.Struct(f"<{HEADER_CODES}I4x{_USER_FRAMES}Q")

    def pack(self, header: tuple[int, int, int, int], values: Values) -> bytes:
        tgid, *addresses = values
        unused = [0] * (_USER_FRAMES - len(addresses))
        return self.struct.pack(*header, tgid, *addresses, *unused)

    def unpack_all(self, record: bytes) -> list[Any]:
        return list(self.struct.unpack_from(record))


def _text_layout(fields: Sequence[Field]) -> Layout:
    return _OpenLayout(fields, text=True)


def _data_layout(fields: Sequence[Field]) -> Layout:
    return _OpenLayout(fields, text=False)


# -- how they are shown (kernel/trace/trace_output.c) --------------------------------------------


def _show_print(values: Values, symbol_text: SymbolText) -> str:
    ip, text = values
    return f"{symbol_text(ip)}: {text.decode('latin-1')}"


def _show_print_raw(values: Values, symbol_text: SymbolText) -> str:
    ip, text = values
    return f"# {ip:x} {text.decode('latin-1')}"


def _show_raw_data(values: Values, symbol_text: SymbolText) -> str:
    id, data = values
    return f"# {id:x} buf:{''.join(f' {byte:02x}' for byte in data)}\n"


def _show_stack(values: Values, symbol_text: SymbolText) -> str:
    return "<stack trace>\n" + "".join(f" => {symbol_text(address)}\n" for address in values)


def _show_user_stack(values: Values, symbol_text: SymbolText) -> str:
    _, *addresses = values
    return "<user stack trace>\n" + "".join(f" =>  <{a:016x}>\n" for a in addresses if a)


# -- the entries -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """One entry: fields as pairs of C type and name, arrays as ``T[N]``."""

    name: str
    id: int
    """In kernels that have funcgraph_retaddr_entry; others count on from it one lower."""

    fields: tuple[tuple[str, str], ...]
    print_fmt: str
    layout: Callable[[Sequence[Field]], Layout] = Layout
    show: Show | None = None
    """None: no function for its output is registered, so it shows as an unknown type."""

    show_raw: Show | None = None
    """In the format of the option raw."""


_GRAPH_RETADDR_ID = 12

_STACK_LINES = r'"\t=> %ps\n\t=> %ps\n\t=> %ps\n" "\t=> %ps\n\t=> %ps\n\t=> %ps\n" ' + (
    r'"\t=> %ps\n\t=> %ps\n", '
)
_STACK_FMT = _STACK_LINES + ", ".join(f"(void *)REC->caller[{n}]" for n in range(8))

_SWITCH_FIELDS = (
    ("unsigned int", "prev_pid"),
    ("unsigned int", "next_pid"),
    ("unsigned int", "next_cpu"),
    ("unsigned char", "prev_prio"),
    ("unsigned char", "prev_state"),
    ("unsigned char", "next_prio"),
    ("unsigned char", "next_state"),
)
_SWITCH_ARGUMENTS = ", ".join(
    f"REC->{name}"
    for name in (
        "prev_pid",
        "prev_prio",
        "prev_state",
        "next_pid",
        "next_prio",
        "next_state",
        "next_cpu",
    )
)

_ARGUMENTS = (("unsigned long[]", "args"),)
_WITH_ARGUMENTS = frozenset({"6.18", "7.3"})
"""Versions that record the arguments of functions."""

_DEPTH = {"6.1": ("int", "%d"), "6.12": ("int", "%d")}
_UNSIGNED_DEPTH = ("unsigned int", "%u")
_ENTRY_DEPTH = {**_DEPTH, "7.3": ("unsigned long", "%lu")}
"""Type and conversion of the depth in a call graph."""


def _entries(version: str) -> tuple[_Entry, ...]:
    arguments = _ARGUMENTS if version in _WITH_ARGUMENTS else ()
    entry_depth, entry_format = _ENTRY_DEPTH.get(version, _UNSIGNED_DEPTH)
    exit_depth, exit_format = _DEPTH.get(version, _UNSIGNED_DEPTH)
    return (
        _Entry(
            "function",
            1,
            (("unsigned long", "ip"), ("unsigned long", "parent_ip"), *arguments),
            '" %ps <-- %ps", (void *)REC->ip, (void *)REC->parent_ip',
        ),
        _Entry(
            "context_switch",
            2,
            _SWITCH_FIELDS,
            f'"%u:%u:%u  ==> %u:%u:%u [%03u]", {_SWITCH_ARGUMENTS}',
        ),
        _Entry(
            "wakeup",
            3,
            _SWITCH_FIELDS,
            f'"%u:%u:%u  ==+ %u:%u:%u [%03u]", {_SWITCH_ARGUMENTS}',
        ),
        _Entry(
            "kernel_stack",
            4,
            (("int", "size"), ("unsigned long[8]", "caller")),
            _STACK_FMT,
            _StackLayout,
            _show_stack,
        ),
        _Entry(
            "print",
            5,
            (("unsigned long", "ip"), ("char[]", "buf")),
            '"%ps: %s", (void *)REC->ip, REC->buf',
            _text_layout,
            _show_print,
            _show_print_raw,
        ),
        _Entry(
            "bprint",
            6,
            (("unsigned long", "ip"), ("const char *", "fmt"), ("u32[]", "buf")),
            '"%ps: %s", (void *)REC->ip, REC->fmt',
        ),
        _Entry(
            "mmiotrace_rw",
            7,
            (
                ("resource_size_t", "phys"),
                ("unsigned long", "value"),
                ("unsigned long", "pc"),
                ("int", "map_id"),
                ("unsigned char", "opcode"),
                ("unsigned char", "width"),
            ),
            '"%lx %lx %lx %d %x %x", (unsigned long)REC->phys, REC->value, REC->pc,'
            " REC->map_id, REC->opcode, REC->width",
        ),
        _Entry(
            "mmiotrace_map",
            8,
            (
                ("resource_size_t", "phys"),
                ("unsigned long", "virt"),
                ("unsigned long", "len"),
                ("int", "map_id"),
                ("unsigned char", "opcode"),
            ),
            '"%lx %lx %lx %d %x", (unsigned long)REC->phys, REC->virt, REC->len,'
            " REC->map_id, REC->opcode",
        ),
        _Entry(
            "branch",
            9,
            (
                ("unsigned int", "line"),
                ("char[31]", "func"),
                ("char[21]", "file"),
                ("char", "correct"),
                ("char", "constant"),
            ),
            '"%u:%s:%s (%u)%s", REC->line, REC->func, REC->file, REC->correct,'
            ' REC->constant ? " CONSTANT" : ""',
        ),
        _Entry(
            "funcgraph_exit",
            10,
            (
                ("unsigned long", "func"),
                (exit_depth, "depth"),
                ("unsigned int", "overrun"),
                ("unsigned long long", "calltime"),
                ("unsigned long long", "rettime"),
            ),
            f'"<-- %ps ({exit_format}) (start: %llx  end: %llx) over: {exit_format}",'
            " (void *)REC->func, REC->depth, REC->calltime, REC->rettime, REC->depth",
        ),
        _Entry(
            "funcgraph_entry",
            11,
            (("unsigned long", "func"), (entry_depth, "depth"), *arguments),
            f'"--> %ps ({entry_format})", (void *)REC->func, REC->depth',
        ),
        _Entry(
            "user_stack",
            13,
            (("unsigned int", "tgid"), ("unsigned long[8]", "caller")),
            _STACK_FMT,
            _UserStackLayout,
            _show_user_stack,
        ),
        _Entry(
            "bputs",
            15,
            (("unsigned long", "ip"), ("const char *", "str")),
            '"%ps: %s", (void *)REC->ip, REC->str',
        ),
        _Entry(
            "hwlat",
            16,
            (
                ("u64", "duration"),
                ("u64", "outer_duration"),
                ("u64", "nmi_total_ts"),
                ("s64", "tv_sec"),
                ("long", "tv_nsec"),
                ("unsigned int", "nmi_count"),
                ("unsigned int", "seqnum"),
                ("unsigned int", "count"),
            ),
            r'"cnt:%u\tts:%010llu.%010lu\tinner:%llu\touter:%llu\tcount:%d\tnmi-ts:%llu'
            r'\tnmi-count:%u\n", REC->seqnum, REC->tv_sec, REC->tv_nsec, REC->duration,'
            " REC->outer_duration, REC->count, REC->nmi_total_ts, REC->nmi_count",
        ),
        _Entry(
            "osnoise",
            17,
            (
                ("u64", "noise"),
                ("u64", "runtime"),
                ("u64", "max_sample"),
                ("unsigned int", "hw_count"),
                ("unsigned int", "nmi_count"),
                ("unsigned int", "irq_count"),
                ("unsigned int", "softirq_count"),
                ("unsigned int", "thread_count"),
            ),
            r'"noise:%llu\tmax_sample:%llu\thw:%u\tnmi:%u\tirq:%u\tsoftirq:%u\tthread:%u\n",'
            " REC->noise, REC->max_sample, REC->hw_count, REC->nmi_count, REC->irq_count,"
            " REC->softirq_count, REC->thread_count",
        ),
        _Entry(
            "timerlat",
            18,
            (("unsigned int", "seqnum"), ("int", "context"), ("u64", "timer_latency")),
            r'"seq:%u\tcontext:%d\ttimer_latency:%llu\n", REC->seqnum, REC->context,'
            " REC->timer_latency",
        ),
        _Entry(
            "raw_data",
            19,
            (("unsigned int", "id"), ("char[]", "buf")),
            '"id:%04x %08x", REC->id, (int)REC->buf[0]',
            _data_layout,
            _show_raw_data,
            _show_raw_data,
        ),
        _Entry(
            "func_repeats",
            20,
            (
                ("unsigned long", "ip"),
                ("unsigned long", "parent_ip"),
                ("u16", "count"),
                ("u16", "top_delta_ts"),
                ("u32", "bottom_delta_ts"),
            ),
            r'" %ps <-%ps\t(repeats:%u  delta: -%llu)", (void *)REC->ip,'
            " (void *)REC->parent_ip, REC->count,"
            " (((u64)(REC)->top_delta_ts << 32) | (REC)->bottom_delta_ts)",
        ),
    )


def _nothing(record: bytes, pointer: PointerText) -> str:
    """Entries show their type, or themselves without a name."""
    return ""


class FtraceEntry(TraceEvent):
    """A fixed entry.  Its records show as an unknown type: no function for their output is there
    unless a tracer brings it."""

    def __init__(self, entry: _Entry, version: KernelVersion) -> None:
        fields = _lay_out(entry.fields, version)
        shifted = not version.has_graph_retaddr and entry.id > _GRAPH_RETADDR_ID
        id = entry.id - shifted
        super().__init__(SYSTEM, entry.name, id, entry.layout(fields), entry.print_fmt, _nothing)


class ShownEntry(FtraceEntry):
    """An entry that shows itself whole, without its name before it."""

    def __init__(self, entry: _Entry, version: KernelVersion, show: Show) -> None:
        super().__init__(entry, version)
        self.show = show
        self.show_raw = entry.show_raw
        """In the format of the option raw; None when that shows only the type."""


def _lay_out(declarations: Sequence[tuple[str, str]], version: KernelVersion) -> list[Field]:
    fields = []
    offset = RECORD_HEADER_SIZE
    for type_, name in declarations:
        base, bracket, length = type_.partition("[")
        item = _SIZES.get(base, _ADDRESS_SIZE)
        count = int(length.rstrip("]") or 0) if bracket else 1
        signed = base in _SIGNED or (base == "char" and not version.char_is_unsigned)
        offset = -(-offset // item) * item
        size = item * count
        fields.append(
            Field(
                type_,
                name,
                offset,
                size,
                signed,
                kind_of(type_, size),
                f"f_{name}",
                count if bracket else None,
            )
        )
        offset += size
    return fields


def events(version: KernelVersion) -> dict[str, FtraceEntry]:
    """All fixed entries by name, in the order of their ids."""
    return {
        entry.name: FtraceEntry(entry, version)
        if entry.show is None
        else ShownEntry(entry, version, entry.show)
        for entry in _entries(version.name)
    }
