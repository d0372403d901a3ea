"""Phrases of ``README`` by which clients and the kernel's self-tests tell what a kernel can do."""

from __future__ import annotations

import pytest

from tracefs_fuse.tracing import readme
from tracefs_fuse.tracing.versions import VERSIONS

SINCE_6_12 = ("6.12", "6.18", "7.3")
PHRASES = {
    "[gid=<gid>]": SINCE_6_12,
    "can be any field, or the special string 'common_stacktrace'": SINCE_6_12,
    "long[] stack' >> synthetic_events": SINCE_6_12,
    "char name[]' >> synthetic_events": ("6.1",),
    "Can enable module events via: :mod:": ("6.18", "7.3"),
    "<var1>=<field|var_ref|numeric_literal>": tuple(VERSIONS),
    "onchange(var)": tuple(VERSIONS),
    "snapshot()": tuple(VERSIONS),
    "s:[synthetic/]": tuple(VERSIONS),
    "trace(<synthetic_event>": tuple(VERSIONS),
}
"""The versions whose kernels say each phrase."""


@pytest.mark.parametrize("kernel", VERSIONS)
def test_phrases_are_those_of_the_version(kernel: str) -> None:
    said = readme.text(VERSIONS[kernel])
    assert [phrase for phrase in PHRASES if phrase in said] == [
        phrase for phrase, kernels in PHRASES.items() if kernel in kernels
    ]
