"""Print formats: the ``print fmt`` line of an event and the text it makes of a record.

Modelled after TP_printk() and the __print_symbolic() family
(include/trace/stages/, kernel/trace/trace_output.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracefs_fuse.tracing.compose import Namespace, composed
from tracefs_fuse.tracing.field import U64

if TYPE_CHECKING:
    from tracefs_fuse.tracing.event import Layout

Values = Sequence[Any]
"""A record's own fields in the order of definition: int, or bytes for strings."""

PointerText = Callable[[int], str]
"""How ``%p`` shows an address; depends on the instance's option hash-ptr."""

Render = Callable[[bytes, PointerText], str]
"""Makes the line of an event from a record; see :meth:`Layout.values`."""


@dataclass(frozen=True)
class Argument:
    """One argument of a print format: a field as it is, as a string or by a table of names."""

    field: str
    names: Mapping[int, str] | None = None
    is_string: bool = False

    def described(self) -> str:
        """The C text of this argument in ``format``."""
        if self.names is not None:
            pairs = ", ".join(f'{{{value}, "{name}"}}' for value, name in self.names.items())
            return f"__print_symbolic(REC->{self.field}, {pairs})"
        return f"__get_str({self.field})" if self.is_string else f"REC->{self.field}"


def number(field: str) -> Argument:
    return Argument(field)


def string(field: str) -> Argument:
    return Argument(field, is_string=True)


def symbolic(field: str, names: Mapping[int, str]) -> Argument:
    return Argument(field, names=names)


class _Symbols(dict[int, str]):
    """__print_symbolic(): the value's name, else its hexadecimal as an unsigned long."""

    def __missing__(self, value: int) -> str:
        return f"0x{value & U64:x}"


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 > 0 else value


_CONVERSION = re.compile(r"%(l{0,2}[pdusx])")


@dataclass(frozen=True)
class PrintFmt:
    """A format string with its arguments."""

    template: str
    """Without quotes and braces."""

    arguments: tuple[Argument, ...]

    def described(self) -> str:
        """What follows ``print fmt: `` in ``format``."""
        return ", ".join([f'"{self.template}"', *(a.described() for a in self.arguments)])

    def renderer(self, name: str, layout: Layout, *, loses_string: bool = False) -> Render:
        """A function that makes the line of an event of this name from a record.

        loses_string: the first string of the line is empty (trace_check_vprintf() in
        kernel/trace/trace.c, when it overwrites the format that it reads).
        """
        namespace = Namespace()
        variables = {field.name: field.variable for field in layout.fields}
        arguments = iter(self.arguments)
        strings = iter(["lost"] if loses_string else [])

        def shown(conversion: re.Match[str]) -> str:
            argument = next(arguments)
            if conversion[1] == "s" and next(strings, None):
                return ""
            value = _source(conversion[1], argument, variables[argument.field], namespace)
            return f"{{{value}{':x' if conversion[1].endswith('x') else ''}}}"

        unpack = namespace.bind(layout.unpacker, "unpack")
        record = f"record.ljust({layout.struct.size}, b'\\0')"
        body = [
            f"{', '.join(variables.values())}, = {unpack}({record})",
            f"return f'{name}: {_CONVERSION.sub(shown, self.template)}\\n'",
        ]
        return composed(f"{name} line", ["record", "pointer"], body, namespace)


def _source(conversion: str, argument: Argument, value: str, namespace: Namespace) -> str:
    """The source of what is printed of a value; ``pointer`` is a PointerText."""
    if argument.names is not None:
        return f"{namespace.bind(_Symbols(argument.names), 'symbols')}[{value}]"
    if argument.is_string:
        return f'{value}.decode("latin-1")'
    if conversion == "p":
        return f"pointer({value})"
    if conversion.endswith("x"):
        return f"{value} & {U64}"
    if conversion == "ld":  # of fields that are unsigned
        return f"{namespace.bind(_signed, 'signed')}({value})"
    return value
