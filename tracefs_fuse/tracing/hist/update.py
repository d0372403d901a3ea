"""The update of a histogram at an event, as source lines of the event's composed function.

Modelled after event_hist_trigger(): the key is made, references to other histograms' variables
are resolved, the entry is found or made, values are added and variables set, actions run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracefs_fuse.tracing.compose import Namespace, indented
from tracefs_fuse.tracing.field import U64, Kind
from tracefs_fuse.tracing.hist.actions import Action, ActionKind, Handler
from tracefs_fuse.tracing.hist.expression import (
    UNARY_MINUS,
    constant_of,
    divide_by_variable,
    division_source,
)
from tracefs_fuse.tracing.hist.field import MAX_STRING, F, HistField
from tracefs_fuse.tracing.hist.keys import KeyForm, array_size, form_of, key_converter

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event_file import EventFile
    from tracefs_fuse.tracing.hist.histogram import Histogram

STRING_ADDRESS = 0xFFFF_8880_0000_0008
"""What a string counts as where a number is wanted: the kernel takes its address."""

_UNREADABLE = b"(fault)"
"""What a synthetic event's string field shows of a number."""

_EXECNAME = 'comm if common_pid else b"<idle>"'


class UpdateComposer:
    """Composes the update of one histogram by one event."""

    def __init__(self, histogram: Histogram, file: EventFile, namespace: Namespace) -> None:
        self._histogram = histogram
        self._file = file
        self._namespace = namespace
        self._locals = {id(r): f"r{i}" for i, r in enumerate(histogram.references)}
        self.needs: set[str] = set()
        """Variables of composed code that the lines use, besides those of own fields."""

    def lines(self) -> list[str]:
        """The source of the update."""
        histogram = self._histogram
        table = histogram.table
        get = self._namespace.bind(table.entries.get, "get")
        insert = self._namespace.bind(table.insert, "insert")
        parts = [self._key(key) for key in histogram.keys]
        key = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        lines, body = [], []
        if not key.isidentifier():
            lines = [f"k = {key}"]
            key = "k"
        body = [f"e = {get}({key})", "if e is None:", f"    e = {insert}({key})"]
        if histogram.comm_slot is not None:
            self.needs |= {"comm", "common_pid"}
            body += ["    if e is not None:", f"        e[{histogram.comm_slot}] = {_EXECNAME}"]
        body += ["if e is not None:", *indented(self._updates(key))]
        for reference in reversed(histogram.references):
            if reference.owner is not histogram:
                body = self._resolved(reference, key, body)
        return lines + body

    # -- keys and values -------------------------------------------------------------------

    def _key(self, key: HistField) -> str:
        """The source of a key's value, in its form."""
        form = form_of(key)
        if form is KeyForm.STACK:
            return self._stack(key)
        if form is KeyForm.ARRAY and key.field is not None:
            return f"{self._variable(key)}[:{array_size(key)}]"
        if form is KeyForm.STRING:
            return self._string(key)
        source, fits = self._number(key)
        return source if fits or form is KeyForm.SIGNED else f"{source} & {U64}"

    def _variable(self, field: HistField) -> str:
        """The local variable that holds an event's field."""
        if field.field is None:
            raise ValueError("not a field of the event")
        name = field.field.variable
        self.needs.add(name)
        return name

    def _stack(self, field: HistField) -> str:
        version = self._histogram.version
        depth = version.hist_stack_depth
        if field.field is not None and field.field.kind not in (Kind.STACK, Kind.STACKTRACE):
            return "()"  # a kernel takes the field for a stack, and what it then finds is not known
        if field.field is not None and field.field.kind is Kind.STACK:
            words = self._namespace.bind(_addresses, "addresses")
            return f"{words}({self._variable(field)}, {depth})"
        self.needs.add("task")
        stack = self._namespace.bind(self._file.array.tracing.hist_stack, "hist_stack")
        return f"{stack}({self._file.event.name!r}, task)[:{depth}]"

    def _string(self, field: HistField) -> str:
        if F.EXECNAME in field.flags:
            return f"e[{self._histogram.comm_slot}]"
        if field.flags & (F.REFERENCE | F.ALIAS):
            return self._reference(field)
        name = self._variable(field)
        if field.field is not None and field.field.kind is Kind.STATIC_STRING:
            return f'{name}.partition(b"\\0")[0]'
        return name if F.COMM in field.flags else f"{name}[:{MAX_STRING - 1}]"

    def _reference(self, field: HistField) -> str:
        return self._locals[id(field.operands[0] if F.ALIAS in field.flags else field)]

    def _number(self, field: HistField) -> tuple[str, bool]:
        """The source of a number, and whether it is in the range of an unsigned 64-bit one."""
        flags = field.flags
        if F.HITCOUNT in flags:
            return "1", True
        if F.CONSTANT in flags:
            return str(field.constant), True
        if F.EXPRESSION in flags:
            return self._calculation(field)
        if F.STACKTRACE in flags and field.field is None and not flags & (F.REFERENCE | F.ALIAS):
            return "0", True  # the kernel's stack is no number, but a field is an address
        if field.field is not None and F.STACKTRACE in flags:
            return str(STRING_ADDRESS), True
        if F.LOG2 in flags:
            log2 = f"(({self._unsigned(field.operands[0])} or 1) - 1).bit_length()"
            return f"{log2} % 64" if self._histogram.version.hist_log2_wraps else log2, True
        if F.BUCKETS in flags:
            operand = self._unsigned(field.operands[0])
            return f"{operand} // {field.buckets} * {field.buckets}", True
        if F.STRING in flags:
            return str(STRING_ADDRESS), True
        if flags & (F.REFERENCE | F.ALIAS):
            return self._reference(field), True
        if F.TIMESTAMP in flags:
            return self._timestamp(), True
        if F.CPU in flags:
            return self._cpu(), not field.signed
        if field.field is not None and field.field.kind is Kind.STACK:
            source, variables = self._file.event.layout.location_source(field.field)
            self.needs |= variables
            return source, True
        return self._variable(field), not field.signed

    def _cpu(self) -> str:
        self.needs.add("cpu")
        return "cpu"

    def _timestamp(self) -> str:
        self.needs.add("ts")
        if not self._histogram.timestamps_in_us:
            return "ts"
        clock = self._namespace.bind(self._file.array.clock, "clock")
        return f"((ts + 500) // 1000 if {clock}.in_ns else ts)"

    def _unsigned(self, field: HistField) -> str:
        source, fits = self._number(field)
        return source if fits else f"({source} & {U64})"

    def _calculation(self, field: HistField) -> tuple[str, bool]:
        if field.operator == UNARY_MINUS:
            return f"(-{self._number(field.operands[0])[0]})", False
        first, second = field.operands
        if field.operator != "/":
            left, right = self._number(first)[0], self._number(second)[0]
            return f"({left} {field.operator} {right})", False
        divisor = constant_of(second)
        if divisor is not None:
            return division_source(self._unsigned(first), divisor), True
        divide = self._namespace.bind(divide_by_variable, "divide")
        return f"{divide}({self._unsigned(first)}, {self._unsigned(second)})", True

    # -- entries ---------------------------------------------------------------------------

    def _stored(self, field: HistField) -> str:
        """The source of what a variable keeps of a field."""
        if F.STACKTRACE in field.flags and not field.flags & (F.REFERENCE | F.ALIAS):
            return self._stack(field)
        if field.flags & (F.STRING | F.STACKTRACE):
            return self._string(field)
        return self._unsigned(field)

    def _updates(self, key: str) -> list[str]:
        """hist_trigger_elt_update() and hist_trigger_actions()."""
        histogram = self._histogram
        lines = ["e[0] += 1"]
        lines += [f"e[{v.slot}] += {self._number(v)[0]}" for v in histogram.values[1:]]
        lines += [f"e[{v.slot}] = {self._stored(v)}" for v in histogram.variables]
        lines += [
            f"e[{passed.variable.slot}] = {self._stored(passed.value)}"
            for passed in histogram.field_variables
        ]
        lines += [
            f"{self._locals[id(reference)]} = e[{reference.slot}]"
            for reference in histogram.references
            if reference.owner is histogram
        ]
        return lines + [line for action in histogram.actions for line in self._action(action, key)]

    def _resolved(self, reference: HistField, key: str, body: list[str]) -> list[str]:
        """resolve_var_refs(): nothing happens unless the other histogram has the variable."""
        owner = reference.owner
        if owner is None:
            return []
        get = self._namespace.bind(owner.table.entries.get, "get")
        convert = key_converter(self._histogram.keys, owner.keys)
        if convert is not None:
            key = f"{self._namespace.bind(convert, 'convert')}({key})"
        value = self._locals[id(reference)]
        lines = [
            f"o = {get}({key})",
            f"if o is not None and ({value} := o[{reference.slot}]) is not None:",
        ]
        if reference.read_once:
            body = [f"o[{reference.slot}] = None", *body]
        return lines + indented(body)

    # -- actions ---------------------------------------------------------------------------

    def _action(self, action: Action, key: str) -> list[str]:
        body = self._performed(action, key)
        tracked = action.tracked
        if tracked is None:
            return body
        value = self._number(tracked)[0]
        operator = ">" if action.handler is Handler.ONMAX else "!="
        slot = action.tracked_slot
        return [f"if {value} {operator} e[{slot}]:", *indented([f"e[{slot}] = {value}", *body])]

    def _performed(self, action: Action, key: str) -> list[str]:
        array = self._histogram.file.array
        if action.kind is ActionKind.SAVE:
            return [
                f"e[{saved.variable.slot}] = {self._stored(saved.value)}"
                for saved in self._histogram.saved
            ]
        if action.kind is ActionKind.SNAPSHOT and action.tracked is not None:
            take = self._namespace.bind(action.take_snapshot, "snapshot")
            owner = self._namespace.bind(array, "array")
            return [f"{take}({owner}, {key}, e, {self._number(action.tracked)[0]})"]
        if action.synthetic is None:
            return []
        self.needs.add("task")
        generate = self._namespace.bind(array.tracing.generate, "generate")
        event = self._namespace.bind(action.synthetic, "synthetic")
        values = [
            self._argument(reference, field.kind)
            for reference, field in zip(action.arguments, action.synthetic.fields, strict=True)
        ]
        return [f"{generate}({event}, task, ({', '.join(values)},), {self._file.event.name!r})"]

    def _argument(self, reference: HistField, kind: Kind) -> str:
        """What a field of a synthetic event gets."""
        if kind in (Kind.STATIC_STRING, Kind.DYNAMIC_STRING):
            is_string = F.STRING in reference.flags
            return self._reference(reference) if is_string else repr(_UNREADABLE)
        return self._reference(reference) if kind is Kind.STACK else self._number(reference)[0]


def _addresses(data: bytes, depth: int) -> tuple[int, ...]:
    """The addresses of a stack field: a count, then the addresses, each of eight bytes."""
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    return tuple(words[1 : 1 + depth])
