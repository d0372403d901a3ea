"""Any filter: nothing but FilterError comes of a wrong one, and a right one means what it says.

What it says is worked out by a second evaluator, which walks the expression and compares in C's
own types.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.filter.lab import made_event, passes
from tracefs_fuse.tracing.compose import Namespace
from tracefs_fuse.tracing.field import Field, Kind
from tracefs_fuse.tracing.filter import Filter, FilterError, parse_filter
from tracefs_fuse.tracing.filter.strings import compile_glob
from tracefs_fuse.tracing.versions import V7_3, VERSIONS, KernelVersion

C_TYPES: dict[str, Any] = {
    f"{'s' if signed else 'u'}{8 * size}": (c_type, size, signed)
    for c_type, size, signed in (
        (ctypes.c_int8, 1, True),
        (ctypes.c_uint8, 1, False),
        (ctypes.c_int16, 2, True),
        (ctypes.c_uint16, 2, False),
        (ctypes.c_int32, 4, True),
        (ctypes.c_uint32, 4, False),
        (ctypes.c_int64, 8, True),
        (ctypes.c_uint64, 8, False),
    )
}
FIELDS = [
    Field(name, name, 8 * i, size, signed, Kind.NUMBER, f"f_{name}")
    for i, (name, (_, size, signed)) in enumerate(C_TYPES.items(), 1)
]
FIELDS += [
    Field("__data_loc char[]", "name", 72, 4, False, Kind.DYNAMIC_STRING, "f_name"),
    Field("char[8]", "word", 76, 8, False, Kind.STATIC_STRING, "f_word", 8),
]
EVENT = made_event(FIELDS)

OPERATORS: dict[str, Callable[[int, int], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&": operator.and_,
}
MAX_NUMBER = 24
BLANK = st.sampled_from(["", "", " ", "  ", "\t"])


@dataclass
class Expression:
    """A filter as text, and its truth for given variables."""

    text: str
    truth: Callable[[dict[str, Any]], bool]
    rank: int = 3
    """Binding strength: 1 ``||``, 2 ``&&``, 3 anything else."""

    def inside(self, rank: int) -> str:
        return self.text if self.rank >= rank else f"({self.text})"


def written(value: int) -> st.SearchStrategy[str]:
    sign, size = "-" if value < 0 else "", abs(value)
    forms = [str(value), f"{sign}{hex(size)}", f"{sign}0{size:o}"]
    return st.sampled_from([form for form in forms if len(form) < MAX_NUMBER])


@st.composite
def numeric(draw: st.DrawFn) -> Expression:
    name = draw(st.sampled_from(list(C_TYPES)))
    c_type, _, signed = C_TYPES[name]
    low, high = (-(1 << 63), (1 << 63) - 1) if signed else (0, (1 << 64) - 1)
    value = draw(st.integers(low, high) | st.integers(max(low, -3), 3))
    op = draw(st.sampled_from(list(OPERATORS)))
    number = draw(written(value))
    constant = c_type(value).value
    return Expression(
        f"{name}{draw(BLANK)}{op}{draw(BLANK)}{number}",
        lambda v: bool(OPERATORS[op](v[f"f_{name}"], constant)),
    )


def terminated(memory: bytes) -> bytes:
    return memory.partition(b"\0")[0]


@st.composite
def textual(draw: st.DrawFn) -> Expression:
    """Equality and globs with a real star inside, which look at the string up to its NUL."""
    name = draw(st.sampled_from(["name", "word"]))
    operand = draw(st.text("ab*", max_size=6))
    op = draw(st.sampled_from(["==", "!="]))
    return Expression(
        f'{name}{draw(BLANK)}{op}{draw(BLANK)}"{operand}"',
        lambda v: (terminated(v[f"f_{name}"]) == operand.encode()) == (op == "=="),
    )


def conjunction(operands: list[Expression]) -> Expression:
    text = " && ".join(e.inside(2) for e in operands)
    return Expression(text, lambda v: all(e.truth(v) for e in operands), 2)


def disjunction(operands: list[Expression]) -> Expression:
    text = "||".join(e.inside(1) for e in operands)
    return Expression(text, lambda v: any(e.truth(v) for e in operands), 1)


def negation(operand: Expression) -> Expression:
    return Expression(f"!{operand.inside(3)}", lambda v: not operand.truth(v))


def bracketed(operand: Expression) -> Expression:
    return Expression(f"( {operand.text} )", operand.truth)


EXPRESSIONS = st.recursive(
    numeric() | textual(),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=4).map(conjunction)
        | st.lists(inner, min_size=2, max_size=4).map(disjunction)
        | inner.map(negation)
        | inner.map(bracketed)
    ),
    max_leaves=12,
)
VALUES = st.fixed_dictionaries(
    {
        f"f_{name}": st.integers(-3 if signed else 0, 3) | st.integers(*_range)
        for name, (_, size, signed) in C_TYPES.items()
        for _range in [
            (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
        ]
    }
    | {
        "f_name": st.text("ab*", max_size=6).map(str.encode),
        "f_word": st.binary(min_size=8, max_size=8),
    }
)


@settings(deadline=None)
@given(EXPRESSIONS, VALUES)
def test_passes_what_it_says(expression: Expression, values: dict[str, Any]) -> None:
    filter = parse_filter(EVENT, expression.text, V7_3)
    assert passes(filter, values) == expression.truth(values)


def source_of(filter: Filter) -> str:
    return filter.compose(Namespace())


@settings(deadline=None)
@given(EXPRESSIONS)
def test_its_text_is_the_same_filter(expression: Expression) -> None:
    filter = parse_filter(EVENT, expression.text, V7_3)
    assert filter.text == expression.text
    assert source_of(parse_filter(EVENT, filter.text, V7_3)) == source_of(filter)


PIECES = st.sampled_from(
    [
        *("s32", "u64", "name", "word", "comm", "cpu", "stacktrace", "nosuch", "schedule"),
        *(".function", ".ustring", "CPUS{", "}", "0-1", ",", "'", '"', "*", "[a-b]", "\\"),
        *("~", "!=", "==", "<=", "<", ">=", ">", "&", "&&", "||", "!", "(", ")"),
        *("0", "-1", "0x", "4", "99999999999999999999", "\xe9", "\xa0", "_"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = draw(EXPRESSIONS).text
    place, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
    return text[:place] + draw(PIECES) + text[place + cut :]


@settings(deadline=None)
@given(
    damaged()
    | st.lists(
        PIECES | BLANK | st.text(st.characters(max_codepoint=255), max_size=2), max_size=25
    ).map("".join),
    st.sampled_from(list(VERSIONS.values())),
)
def test_nothing_but_filter_error(text: str, version: KernelVersion) -> None:
    try:
        filter = parse_filter(EVENT, text, version, cpus=2)
    except FilterError as refusal:
        error = refusal
    else:
        values = {field.variable: 1 for field in FIELDS if field.kind is Kind.NUMBER}
        others = {"f_name": b"ab", "f_word": b"ab\0cdefg", "comm": b"init", "cpu": 0}
        assert passes(filter, values | others) in (True, False)
        return
    assert error.file_text(V7_3.line_buffer_size).startswith(text + "\n")
    assert 0 <= error.position <= len(text.encode("utf-8", "surrogateescape")) + 2


MAX_TEXT = 4095


def alternating(open_with: str) -> str:
    """``a && (b || (a && (…))``, as deep as a command can be."""
    levels = (MAX_TEXT - len("u8>0")) // (len(open_with) + 1)
    steps = [open_with if i % 2 else open_with.replace("&&", "||") for i in range(levels)]
    return "".join(steps) + "u8>0" + ")" * levels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(" * 2045 + "u8>0" + ")" * 2045, [False, True, True]),
        ("!" * 4091 + "u8>0", [True, False, False]),
        ("!(" * 1363 + "u8>0" + ")" * 1363, [True, False, False]),
        ("||".join(["u8>9"] * 681 + ["u8>0"]), [False, True, True]),
        ("&&".join(["u8>0"] * 682), [False, True, True]),
        (alternating("u8>1&&("), [False, False, True]),
        (alternating("u8>1&&!("), None),
    ],
    ids=["parentheses", "nots", "negated parentheses", "ors", "ands", "and or", "and or not"],
)
def test_as_long_and_deep_as_a_command_may_be(text: str, expected: list[bool] | None) -> None:
    assert 4000 < len(text) <= MAX_TEXT
    filter = parse_filter(EVENT, text, V7_3)
    got = [passes(filter, {"f_u8": value}) for value in (0, 1, 2)]
    if expected is None:
        python = text.replace("&&", " and ").replace("||", " or ").replace("!", "not ")
        expected = [truth_of_nested(python, value) for value in (0, 1, 2)]
    assert got == expected


def truth_of_nested(python: str, value: int) -> bool:
    """Evaluate from the innermost parentheses outwards, too deep for Python's own parser."""
    stack = [""]
    for char in python:
        if char == "(":
            stack.append("")
        elif char == ")":
            inner = stack.pop()
            stack[-1] += str(eval(inner, {"u8": value}))
        else:
            stack[-1] += char
    return bool(eval(stack[0], {"u8": value}))


def glob_match(pattern: bytes, text: bytes) -> bool:
    """A glob without classes that span more than they list, tried in every way."""
    if not pattern:
        return not text
    if pattern[:1] == b"*":
        return any(glob_match(pattern[1:], text[i:]) for i in range(len(text) + 1))
    if pattern[:1] == b"[" and (end := pattern.find(b"]", 3 if pattern[1:2] == b"!" else 2)) > 0:
        inverted = pattern[1:2] == b"!"
        members = pattern[1 + inverted : end]
        hit = bool(text) and (text[:1] in [members[i : i + 1] for i in range(len(members))])
        return bool(text) and hit != inverted and glob_match(pattern[end + 1 :], text[1:])
    if pattern[:1] == b"\\":
        pattern = pattern[1:]
        if not pattern:
            return not text
    elif pattern[:1] == b"?":
        return bool(text) and glob_match(pattern[1:], text[1:])
    return text[:1] == pattern[:1] and glob_match(pattern[1:], text[1:])


@settings(deadline=None)
@given(st.text("ab*?[]!\\", max_size=8), st.text("ab[]!\\", max_size=8))
def test_globs(pattern: str, text: str) -> None:
    regex = compile_glob(pattern.encode())
    assert bool(regex.fullmatch(text.encode())) == glob_match(pattern.encode(), text.encode())


def test_many_stars_end() -> None:
    assert not compile_glob(b"*a" * 100 + b"*b").fullmatch(b"a" * 250)
