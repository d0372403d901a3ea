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
        (
            "set_event",
            "huge_memory:mm_khugepaged_scan_pmd\0x\n",
            f"{_EVENT[7:]}\n".replace("/", ":"),
        ),
        ("set_event_pid", "1\0001", "1\n"),
        ("tracing_thresh", "7\0x\n", "7\n"),
    ],
)
def test_a_command_ends_at_nul(client: Client, path: str, data: str, shown: str) -> None:
    opened = client.file(path).open(client.request, 1)
    assert opened.write(client.request, data.encode(), 0) == len(data)
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
        ("tracing_cpumask", "g00000001", "EINVAL"),
        ("tracing_cpumask", "2", "EOVERFLOW"),
        ("tracing_cpumask", "a" * 63, "EOVERFLOW"),
    ],
)
def test_limits(client: Client, path: str, data: str, status: str) -> None:
    assert client.answer(["write", path, data, "trunc"])[0] == status


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
