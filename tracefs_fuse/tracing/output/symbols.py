"""How trace output shows code addresses.

Modelled after seq_print_ip_sym() (kernel/trace/trace_output.c).
"""

from __future__ import annotations

from collections.abc import Container

from tracefs_fuse.tracing.events.ftrace import SymbolText
from tracefs_fuse.tracing.kallsyms import symbol, symbol_name


def symbol_text_of(options: Container[str]) -> SymbolText:
    """By the options sym-offset and sym-addr."""
    name = symbol if "sym-offset" in options else symbol_name
    if "sym-addr" in options:
        return lambda address: f"{name(address)} <{address:016x}>"
    return name
