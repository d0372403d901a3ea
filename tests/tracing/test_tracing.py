"""Effects of events on each other and on open files, as asked of 6.12, 6.18 and 7.3."""

from __future__ import annotations

import errno

import pytest

from tests.conformance.replay import Client
from tests.conformance.test_recorded import client_for
from tests.tracing.hist.lab import HistLab
from tracefs_fuse.tracing.source import ManualSource, Task
from tracefs_fuse.tracing.trace_marker import write_marker
from tracefs_fuse.tracing.tracing import Tracing

_MARKER = "events/ftrace/print/trigger"


@pytest.fixture
def client() -> Client:
    return client_for("7.3")


def test_an_event_that_generates_itself_ends_after_four(client: Client) -> None:
    client.write("synthetic_events", "loop unsigned long xx", "append")
    client.write("events/synthetic/loop/enable", "1", "trunc")
    again = "hist:keys=common_pid:vv=xx+1:onchange($vv).trace(loop,$vv)"
    client.write("events/synthetic/loop/trigger", again, "append")
    client.write(_MARKER, "hist:keys=common_pid:v1=ip:onchange($v1).trace(loop,$v1)", "append")
    for _ in range(2):
        client.write("trace_marker", "go", "plain")
    lines = [line for line in client.read("trace").splitlines() if " loop: " in line]
    assert [line.split()[2] for line in lines] == ["...3.", "...6.", "...9.", "...c."]
    assert "    Hits: 3\n" in client.read("events/synthetic/loop/hist")


@pytest.mark.parametrize("name", ["class", "def", "None"])
def test_an_event_may_be_called_like_a_word_of_python(client: Client, name: str) -> None:
    client.write("synthetic_events", f"{name} unsigned long xx", "append")
    client.write(f"events/synthetic/{name}/enable", "1", "trunc")
    client.write(_MARKER, f"hist:keys=ip:vv=ip:onchange($vv).trace({name},$vv)", "append")
    client.write("trace_marker", "go", "plain")
    assert f" {name}: xx=" in client.read("trace")


@pytest.mark.parametrize("name", ["enable", "filter", "format", "hist", "trigger"])
def test_files_of_a_deleted_event_find_no_device(client: Client, name: str) -> None:
    client.write("synthetic_events", "gone int xx", "append")
    file = client.file(f"events/synthetic/gone/{name}")
    client.write("synthetic_events", "!gone", "append")
    with pytest.raises(OSError, match="No such device") as refusal:
        file.open(client.request, 0).read(client.request, 4096, 0, nonblock=True)
    assert refusal.value.errno == errno.ENODEV


def test_what_is_compiled_follows_options(client: Client) -> None:
    client.write(_MARKER, "stacktrace", "append")
    client.write("trace_marker", "one", "plain")
    client.write("events/huge_memory/mm_khugepaged_scan_pmd/inject", "status=1", "plain")
    client.write("options/stacktrace", "1", "trunc")
    client.write("events/huge_memory/mm_khugepaged_scan_pmd/inject", "status=2", "plain")
    client.write("set_event_pid", "1234", "append")
    client.write("events/huge_memory/mm_khugepaged_scan_pmd/inject", "status=3", "plain")
    client.write("trace_marker", "two", "plain")
    stacks = client.read("trace").count("<stack trace>")
    assert stacks == 3  # of both markers and of the second record


def test_a_shared_histogram_takes_snapshots_where_it_was_made(client: Client) -> None:
    named = "hist:name=foo:keys=common_pid:vv=ip:onchange($vv).snapshot()"
    client.answer(["mkdir", "instances/i"])
    client.write(_MARKER, named, "append")
    client.write(f"instances/i/{_MARKER}", named, "append")
    client.write("instances/i/trace_marker", "there", "plain")
    assert "there" in client.read("instances/i/trace")
    assert "Snapshot taken" in client.read("events/ftrace/print/hist")


def test_keys_of_what_is_no_number(client: Client) -> None:
    for key, shown in (
        ("COMM.buckets=16", "{ COMM: ~ 26739-26754 }"),
        ("5+common_stacktrace.log2", "{ 5+.log2:          5 }"),
        ("common_stacktrace+1", "{ common_stacktrace.stacktrace+1:          1 }"),
    ):
        lab = HistLab("7.3")
        lab.write(_MARKER, f"hist:keys={key}", "append")
        lab.write("trace_marker", "go", "plain")
        assert shown in (lab.read("events/ftrace/print/hist") or "")
    assert client.answer(["write", _MARKER, "hist:keys=COMM.log2", "append"])[0] == "EINVAL"


@pytest.mark.parametrize(
    ("version", "key", "named", "shown"),
    [
        ("7.3", "stk", "stk.stacktrace", "{ stk.stacktrace         ksys_write+"),
        ("7.3", "stk.sym", "stk.stacktrace", "] ksys_write "),
        ("7.3", "stk.log2", "stk.log2", "{ stk: ~ 2^64 }"),
        ("7.3", "stk.buckets=4", "stk.buckets=4", "{ stk: ~ 18446"),
        ("7.3", "5+stk", "5+stk.stacktrace", "{ 5+stk.stacktrace: 18446"),
        ("7.3", "5-stk.log2", "5-stk.log2", "{ 5-stk.log2: 18446744073709551557 }"),
        ("6.18", "stk.log2", "stk.log2", "{ stk: ~ 2^0  }"),
        ("6.18", "5-stk.log2", "5-stk.log2", "{ 5-stk.log2:          5 }"),
    ],
)
def test_a_stack_of_the_event_as_key(version: str, key: str, named: str, shown: str) -> None:
    lab = HistLab(version)
    lab.write("synthetic_events", "ss int xx; long[] stk", "append")
    generate = "hist:keys=common_pid:pp=common_pid:st=common_stacktrace:onmax($pp)"
    lab.write(_MARKER, f"{generate}.trace(ss,$pp,$st)", "append")
    lab.write("events/synthetic/ss/trigger", f"hist:keys={key}", "append")
    assert f"hist:keys={named}:" in (lab.read("events/synthetic/ss/trigger") or "")
    lab.write("trace_marker", "go", "plain")
    assert shown in (lab.read("events/synthetic/ss/hist") or "")


def test_numbers_of_any_length_are_out_of_range(client: Client) -> None:
    for path in ("tracing_on", "buffer_size_kb"):
        assert client.answer(["write", path, "9" * 4000, "trunc"])[0] in ("EINVAL", "ERANGE")
    assert client.answer(["write", "tracing_on", "0" * 30 + "1", "trunc"])[0] == "OK"


def test_a_new_instance_keeps_old_events_like_the_top_level() -> None:
    client = client_for("7.3")
    client.write("options/overwrite", "0", "trunc")
    client.answer(["mkdir", "instances/k"])
    client.write("instances/k/buffer_size_kb", "4", "trunc")
    for number in range(2000):
        client.answer(["write", "instances/k/trace_marker", f"marker {number}", "plain"])
    assert ": marker 0\n" in client.read("instances/k/trace")


def test_printk_goes_back_to_the_top_level(client: Client) -> None:
    client.answer(["mkdir", "instances/k"])
    client.write("instances/k/options/trace_printk_dest", "1", "trunc")
    assert client.read("options/trace_printk_dest") == "0\n"
    client.answer(["rmdir", "instances/k"])
    assert client.read("options/trace_printk_dest") == "1\n"


def test_a_name_beyond_latin_1_is_its_bytes() -> None:
    tracing = Tracing("7.3", ManualSource(current=Task(5, 5, "\u4e2d\u6587" * 5)))
    write_marker(tracing.top, tracing.source.current, b"hi")
    tracing.top.files["huge_memory", "mm_khugepaged_scan_pmd"].enable()
    write_marker(tracing.top, tracing.source.current, b"hi")
    text = tracing.cmdlines.comms_text().encode("latin-1")
    assert text == b"5 " + "\u4e2d\u6587".encode() * 2 + "\u4e2d".encode() + b"\n"
