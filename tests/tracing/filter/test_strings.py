"""How far comparisons of strings look."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tracing.filter.lab import made_event, passes
from tracefs_fuse.tracing.field import Field, Kind
from tracefs_fuse.tracing.filter import parse_filter
from tracefs_fuse.tracing.versions import V6_12, V7_3

EVENT = made_event(
    [
        Field("__data_loc char[]", "name", 8, 4, False, Kind.DYNAMIC_STRING, "f_name"),
        Field("char[8]", "word", 12, 8, False, Kind.STATIC_STRING, "f_word", 8),
        Field("const char *", "pointer", 24, 8, False, Kind.NUMBER, "f_pointer"),
        Field("struct pair", "pair", 32, 16, False, Kind.OTHER, "f_pair"),
        Field("__data_loc unsigned long[]", "stack", 48, 8, True, Kind.STACK, "f_stack"),
        Field("char[]", "buf", 56, 0, False, Kind.STATIC_STRING, "f_buf", 0),
    ]
)
WORDS = {"name": b"bash", "word": b"bash\0xyz", "comm": b"bash", "buf": b"bash\n"}


@pytest.mark.parametrize(
    ("filter", "passing"),
    [
        ('== "bash"', "name word comm"),
        ('== "bas"', ""),
        ('== "ba*"', ""),
        ('!= "bash"', "buf"),
        ('~ "bash"', "name word comm"),
        ('~ "ba*"', "name word comm buf"),
        ('~ "*as*"', "name word comm buf"),
        ('~ "*sh"', "name"),
        ('~ "*y"', "word"),
        ('~ "*xyz*"', "word"),
        ('~ "*"', "name word comm"),
        ('~ "**"', "name word comm buf"),
        ('~ "***"', "name word comm buf"),
        ('~ "b*h"', "name word comm"),
        ('~ "b?s[f-h]"', "name word comm"),
        ('~ "!b?s[!h]"', "name word comm buf"),
        ('~ "!bash"', "buf"),
        ('== "bashbashbash"', ""),
    ],
)
def test_extents(filter: str, passing: str) -> None:
    """Each string field with the same start; a field of no size sees no glob from 7.3 on."""
    variables: dict[str, Any] = {
        ("comm" if name == "comm" else f"f_{name}"): value for name, value in WORDS.items()
    }
    got = [
        name for name in WORDS if passes(parse_filter(EVENT, f"{name} {filter}", V7_3), variables)
    ]
    assert got == passing.split()


@pytest.mark.parametrize(
    ("filter", "variables", "expected"),
    [
        ('word == "bashbash"', {"f_word": b"bashbash"}, True),
        ('word == "bashbashb"', {"f_word": b"bashbash"}, False),
        ('word ~ "*ash"', {"f_word": b"bashbash"}, False),
        ('word ~ "*bas"', {"f_word": b"bashbash"}, True),
        ('comm ~ "*er/0"', {"comm": b"kworker/0:12345"}, False),
        ('comm ~ "*:12345"', {"comm": b"kworker/0:12345"}, True),
        ('comm == ""', {"comm": b""}, True),
        ('name ~ "7*"', {"f_name": b"7up"}, False),
        ('name ~ "7*"', {"f_name": b"7*"}, True),
        ('name ~ "!7*"', {"f_name": b"7*"}, False),
        ('name == "\xc3\xa9"', {"f_name": "\xe9".encode()}, True),
        ('pointer == "a"', {"f_pointer": 0}, False),
        ('!(pointer != "a")', {"f_pointer": 0}, True),
        ("pair == 0", {}, False),
        ("pair != 0", {}, False),
        ("stacktrace != 0", {}, False),
        ("!(stacktrace == 0)", {}, True),
        ("stack != 0", {"f_name": b"ab", "f_stack": bytes(16)}, True),
        (f"stack == {16 << 16 | 56 + 3}", {"f_name": b"ab", "f_stack": bytes(16)}, True),
        ("cpu & 1", {"cpu": 1}, False),
        ("cpu == 0x100000000", {"cpu": 0}, True),
        ("cpu & CPUS{1}", {"cpu": 1}, True),
        ("cpu & CPUS{0,2-3}", {"cpu": 1}, False),
        ("cpu & CPUS{0-3:1/2}", {"cpu": 2}, True),
        ("cpu == CPUS{0-1}", {"cpu": 1}, False),
        ("cpu != CPUS{0-1}", {"cpu": 1}, True),
        ("cpu != CPUS{1}", {"cpu": 1}, False),
        ("common_pid & CPUS{0-3}", {"common_pid": 4}, False),
        ("common_pid & CPUS{0-3}", {"common_pid": 3}, True),
        ("common_pid != CPUS{0-3}", {"common_pid": 3}, True),
        ("common_pid != CPUS{0-3}", {"common_pid": 4}, False),
        ("common_pid != CPUS{0-3}", {"common_pid": -1}, False),
    ],
)
def test_single_values(filter: str, variables: dict[str, Any], expected: bool) -> None:
    assert passes(parse_filter(EVENT, filter, V7_3, cpus=4), variables) is expected


def test_globs_of_unsized_strings_by_version() -> None:
    for version, expected in ((V7_3, False), (V6_12, True)):
        filter = parse_filter(EVENT, 'buf ~ "b*h?"', version)
        assert passes(filter, {"f_buf": b"bash\n"}) is expected


def test_needs() -> None:
    text = 'name == "a" && comm != "b" && cpu > 0 || common_pid == 1 || stacktrace == 1'
    assert parse_filter(EVENT, text, V7_3).needs == {"comm", "cpu", "common_pid"}
