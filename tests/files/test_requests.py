"""Single requests at odd places and with odd bytes, as kernel 7.3 answered them when asked."""

from __future__ import annotations

import pytest

from tests.conformance.replay import Client
from tests.conformance.test_recorded import client_for

_EVENT = "events/huge_memory/mm_khugepaged_scan_pmd"


@pytest.fixture
def client() -> Client:
    return client_for("7.3")


@pytest.mark.parametrize(
    ("path", "data", "shown"),
    [
        ("tracing_on", "0\0x\n", "0\n"),
        ("options/raw", "1\0", "1\n"),
        (f"{_EVENT}/enable", "1\0x\n", "1\n"),
        (f"{_EVENT}/trigger", "traceoff\0x\n", "traceoff:unlimited\n"),
        ("tracing_thresh", "7\0x\n", "7\n"),
    ],
)
def test_a_command_ends_at_nul(client: Client, path: str, data: str, shown: str) -> None:
    opened = client.file(path).open(client.request, 1)
    assert opened.write(client.request, data.encode(), 0) == len(data)
    assert client.read(path) == shown


_SET = f"{_EVENT[7:]}\n".replace("/", ":")


@pytest.mark.parametrize(
    ("path", "data", "used", "shown"),
    [
        ("set_event", "huge_memory:mm_khugepaged_scan_pmd\0x\n", 35, _SET),
        ("set_event", "\0\0", 1, ""),
        ("set_event", "  ", 2, ""),
        ("set_event", " \0x", 2, ""),
        ("set_event_pid", "1\0002\n", 4, "1\n2\n"),
        ("set_event_pid", "3\0\0004\n", 3, "3\n"),
        ("set_event_pid", "\0004\n", 1, ""),
        ("set_event_pid", "5 \0006\n", 3, "5\n"),
        ("set_event_pid", "7\v8\xa09", 5, "7\n8\n9\n"),
        ("set_ftrace_pid", "1\0\0002", 3, "1\n"),
    ],
)
def test_nul_parts_words(client: Client, path: str, data: str, used: int, shown: str) -> None:
    opened = client.file(path).open(client.request, 1)
    assert opened.write(client.request, data.encode("latin-1"), 0) == used
    assert client.read(path) == shown


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("trace_clock", "global".ljust(63), "OK"),
        ("trace_clock", "global".ljust(64), "EINVAL"),
        ("tracing_cpumask", "", "OK"),
        ("tracing_cpumask", " \n", "OK"),
        ("tracing_cpumask", "1", "OK"),
        ("tracing_cpumask", "g", "EINVAL"),
        ("tracing_cpumask", "g00000001", "OK"),
        ("tracing_cpumask", "gg00000001", "EOVERFLOW"),
        ("tracing_cpumask", "00000000,00000001", "EOVERFLOW"),
        ("tracing_cpumask", " 1, ", "OK"),
        ("tracing_cpumask", "1\x1c", "EINVAL"),
        ("set_event_pid", "5".zfill(127), "OK"),
        ("set_event_pid", "5".zfill(128), "EINVAL"),
        ("set_event_pid", "1 1073741823", "OK"),
        ("set_event_pid", "1073741824 x", "EPERM"),
        ("set_event_pid", "x 1073741824", "EINVAL"),
        ("set_event_pid", "4294967297", "OK"),
        ("buffer_size_kb", "18014398509481984", "OK"),
        ("buffer_size_kb", "10000000000", "ENOMEM"),
        ("buffer_size_kb", "9" * 21 + "x", "ERANGE"),
        ("tracing_on", "1".zfill(66) + "x", "OK"),
        ("options/overwrite", "1x", "EINVAL"),
        ("trace_clock", "\xa0global\v", "OK"),
        ("trace_clock", "global\x1c", "EINVAL"),
        ("current_tracer", "nop\x1c", "EINVAL"),
        (f"{_EVENT}/trigger", "traceon\x1c", "EINVAL"),
        (f"{_EVENT}/trigger", "traceon:\xa01", "OK"),
        ("synthetic_events", "foo int\x1ca", "EINVAL"),
        ("synthetic_events", "foo int\xa0a", "OK"),
        ("tracing_cpumask", "2", "EOVERFLOW"),
        ("tracing_cpumask", "a" * 63, "EOVERFLOW"),
    ],
)
def test_limits(client: Client, path: str, data: str, status: str) -> None:
    assert client.answer(["write", path, data, "trunc"])[0] == status


@pytest.mark.parametrize(
    ("path", "data", "shown"),
    [
        ("saved_cmdlines_size", "1", "6552\n"),
        ("saved_cmdlines_size", "6553", "19659\n"),
        ("saved_cmdlines_size", "32768", "45874\n"),
        ("tracing_thresh", "18446744073709551615", "18446744073709550\n"),
        ("tracing_thresh", "18446744073709552", "0\n"),
        ("set_event_pid", "9223372036854775808", "0\n"),
        ("buffer_size_kb", "18014398509481984", "7\n"),
        ("tracing_on", "1".zfill(67), "0\n"),
    ],
)
def test_numbers_beyond_their_bounds(client: Client, path: str, data: str, shown: str) -> None:
    client.answer(["write", path, data, "trunc"])
    assert client.read(path) == shown


@pytest.mark.parametrize(
    "path",
    [f"{_EVENT}/filter", "events/huge_memory/filter", "events/header_page", "events/header_event"],
)
def test_some_files_are_read_at_once(client: Client, path: str) -> None:
    opened = client.file(path).open(client.request, 0)
    assert len(opened.read(client.request, 3, 0, nonblock=False)) == 3
    assert opened.read(client.request, 100, 3, nonblock=False) == b""
    assert len(opened.read(client.request, 3, 0, nonblock=False)) == 3


@pytest.mark.parametrize(("length", "shown"), [(4094, 4095), (4095, 4096)])
def test_a_fault_that_does_not_fit_is_not_shown(client: Client, length: int, shown: int) -> None:
    client.answer(["write", f"{_EVENT}/filter", "a" * length, "trunc"])
    opened = client.file(f"{_EVENT}/filter").open(client.request, 0)
    assert len(opened.read(client.request, 1 << 16, 0, nonblock=False)) == shown


def test_a_pipe_of_an_instance_that_is_off_makes_nobody_wait(client: Client) -> None:
    client.write("trace_marker", "x", "plain")
    pipe = client.file("trace_pipe").open(client.request, 0)
    assert pipe.read(client.request, 4096, 0, nonblock=True)
    client.write("tracing_on", "0", "trunc")
    with pytest.raises(BlockingIOError):
        pipe.read(client.request, 4096, 0, nonblock=True)
    assert pipe.read(client.request, 4096, 0, nonblock=False) == b""
    assert not pipe.events()
    client.write("trace_options", "block", "plain")
    assert pipe.events()


@pytest.mark.parametrize("name", ["set_ftrace_pid", "set_ftrace_notrace_pid"])
def test_pids_of_function_tracing(client: Client, name: str) -> None:
    assert client.read(name) == "no pid\n"
    client.write(name, "3 1\n", "append")
    client.write(name, "0x10\n", "append")
    assert client.read(name) == "1\n3\n16\n"
    assert client.answer(["write", name, "4 x\n", "append"]) == ("EINVAL", "")
    assert client.read(name) == "1\n3\n16\n"
    assert client.answer(["write", name, "1073741824\n", "trunc"]) == ("EPERM", "")
    assert client.read(name) == "no pid\n"
