"""Events of modules in ``set_event``, as kernel 7.3 listed them when asked."""

from __future__ import annotations

import pytest

from tests.conformance.test_recorded import client_for


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [
        (":mod:foo", "*:*:mod:foo"),
        ("::mod:foo", "*:*:mod:foo"),
        ("*:*:mod:foo", "*:*:mod:foo"),
        ("*:mod:foo", "*:*:mod:foo"),
        (":x:mod:foo", "*:x:mod:foo"),
        ("huge_memory:mod:foo", "huge_memory:mod:foo"),
        ("huge_memory:mm*:mod:foo", "huge_memory:mm*:mod:foo"),
        ("x:y:mod:z:w", "x:y:mod:z:w"),
        (":mod:", "*:*:mod:"),
    ],
)
def test_a_module_is_waited_for(pattern: str, listed: str) -> None:
    client = client_for("7.3")
    client.write("set_event", pattern, "trunc")
    assert client.read("set_event") == f"{listed}\n"
    client.write("set_event", "", "trunc")
    assert client.read("set_event") == ""


@pytest.mark.parametrize("pattern", [":mod", "mod:foo", "!huge_memory:mod:foo"])
def test_what_no_module_has(pattern: str) -> None:
    assert client_for("7.3").answer(["write", "set_event", pattern, "append"])[0] == "EINVAL"


def test_before_modules_were_waited_for() -> None:
    assert client_for("6.12").answer(["write", "set_event", ":mod:foo", "append"])[0] == "EINVAL"


def test_taking_back() -> None:
    client = client_for("7.3")
    for wish in (":mod:foo", ":mod:bar", "huge_memory:mod:foo", "a:b:mod:foo"):
        client.write("set_event", wish, "append")
    assert client.read("set_event").split() == [
        "a:b:mod:foo",
        "huge_memory:mod:foo",
        "*:*:mod:bar",
        "*:*:mod:foo",
    ]
    assert client.answer(["write", "set_event", "!a:mod:foo", "append"])[0] == "EINVAL"
    client.write("set_event", "!:b:mod:foo", "append")
    client.write("set_event", "!*:mod:foo", "append")
    assert client.read("set_event") == "*:*:mod:bar\n"
