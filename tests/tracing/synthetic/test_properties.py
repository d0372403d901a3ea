"""Any definition of synthetic events: an errno or an event, and what is listed can be defined."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.test_recorded import client_for
from tracefs_fuse.tracing.versions import VERSIONS

_TYPES = (
    *("s8", "u16", "s32", "u64", "int", "unsigned int", "unsigned", "long", "bool", "pid_t"),
    *("gfp_t", "char", "char[16]", "char[]", "char[257]", "long[]", "unsigned long[]", "void"),
)
_NAMES = ("a", "b", "comm", "_x", "1x", "a-b", "c[16]", "c[]", "c[", "stack[]", "")
_FIELD = st.builds("{} {}".format, st.sampled_from(_TYPES), st.sampled_from(_NAMES))
_DEFINITION = st.builds(
    "{}{}{}".format,
    st.sampled_from(("one ", "two ", "three ", "a-b ", "", "!one", "!two", "!", "# ")),
    st.lists(_FIELD, max_size=5).map("; ".join),
    st.sampled_from(("", ";", " ", "\n", "\nfour int a\n", " # more")),
)
_WRITE = st.one_of(
    st.tuples(st.just("synthetic_events"), st.sampled_from(("", " ")), _DEFINITION),
    st.tuples(
        st.just("dynamic_events"),
        st.sampled_from(("s:", "s:synthetic/", "s:other/", "-:", "-:synthetic/", "!s:", "p:", "")),
        _DEFINITION,
    ),
    st.tuples(st.just("synthetic_events"), st.just(""), st.text("su16 ;[]!:#ab\n\0", max_size=20)),
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(VERSIONS)), st.lists(_WRITE, max_size=5))
def test_any_definition(version: str, writes: list[tuple[str, str, str]]) -> None:
    client = client_for(version)
    for path, prefix, definition in writes:
        status, _ = client.answer(["write", path, prefix + definition, "append"])
        assert status in {"OK", "EINVAL", "EEXIST", "ENOENT", "EBUSY", "EPERM", "ENOMEM", "E2BIG"}
    listed = client.read("synthetic_events")
    names = [line.partition("\t")[0] for line in listed.splitlines()]
    assert set(client.names("events/synthetic")) - {"enable", "filter"} == set(names)
    again = client_for(version)
    again.write("synthetic_events", listed, "append")
    assert again.read("synthetic_events") == listed
    for name in names:
        formats = {lab.read(f"events/synthetic/{name}/format") for lab in (client, again)}
        assert len({text.partition("\nformat:")[2] for text in formats}) == 1
    again.write("dynamic_events", "", "trunc")
    assert again.read("synthetic_events") == ""
