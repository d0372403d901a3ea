"""Lists of pids that follow processes, as kernels 6.1, 6.12, 6.18 and 7.3 did when asked."""

from __future__ import annotations

import pytest

from engine import Machine
from tests.conformance.replay import Client
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.files.node import Directory, Request
from tracefs_fuse.tracing.versions import VERSIONS

LISTS = {
    "set_event_pid": "event-fork",
    "set_event_notrace_pid": "event-fork",
    "set_ftrace_pid": "function-fork",
    "set_ftrace_notrace_pid": "function-fork",
}


def lab(version: str) -> tuple[Machine, Client]:
    """A lab in which nothing happens by itself, and a client of its tracing folder."""
    made = build_lab(LabOptions(kernel=version, cpus=1, workload="idle"))
    tracing = Client(made.root, Request(pid=1)).node("sys/kernel/tracing")
    assert isinstance(tracing, Directory)
    return made.machine, Client(tracing, Request(pid=1))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", LISTS)
def test_children_join_and_the_dead_leave(version: str, name: str) -> None:
    machine, client = lab(version)
    client.write(f"options/{LISTS[name]}", "1", "trunc")
    parent, stranger = machine.spawn("parent"), machine.spawn("stranger")
    client.write(name, str(parent.pid), "trunc")
    child = machine.fork(parent)
    grandchild = machine.fork(child)
    machine.fork(stranger)
    assert client.read(name) == f"{parent.pid}\n{child.pid}\n{grandchild.pid}\n"
    machine.exit(child)
    machine.exit(parent)
    assert client.read(name) == f"{grandchild.pid}\n"
    machine.exit(grandchild)
    assert client.read(name) == ""
    client.write(name, "", "trunc")
    assert client.read(name) == ("no pid\n" if "ftrace" in name else "")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", LISTS)
def test_without_the_option_nothing_changes(version: str, name: str) -> None:
    machine, client = lab(version)
    other = ({*LISTS.values()} - {LISTS[name]}).pop()
    client.write(f"options/{other}", "1", "trunc")
    client.write(f"options/{LISTS[name]}", "1", "trunc")
    client.write(f"options/{LISTS[name]}", "0", "trunc")
    parent = machine.spawn("parent")
    client.write(name, str(parent.pid), "trunc")
    machine.exit(machine.fork(parent))
    machine.exit(parent)
    assert client.read(name) == f"{parent.pid}\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_each_instance_has_an_option_of_its_own(version: str) -> None:
    machine, client = lab(version)
    client.write("options/event-fork", "1", "trunc")
    client.answer(["mkdir", "instances/a"])
    assert client.read("instances/a/options/event-fork") == "0\n"
    client.write("options/event-fork", "0", "trunc")
    client.write("instances/a/options/event-fork", "1", "trunc")
    parent = machine.spawn("parent")
    for prefix in ("", "instances/a/"):
        client.write(f"{prefix}set_event_pid", str(parent.pid), "trunc")
    child = machine.fork(parent)
    assert client.read("set_event_pid") == f"{parent.pid}\n"
    assert client.read("instances/a/set_event_pid") == f"{parent.pid}\n{child.pid}\n"
    heard = machine.trace.sched_process_fork
    client.answer(["rmdir", "instances/a"])
    assert machine.trace.sched_process_fork is not heard
    assert machine.fork(parent).parent == parent.pid


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_that_all_have_left_takes_no_event_until_it_is_cleared(version: str) -> None:
    machine, client = lab(version)
    event = "events/huge_memory/mm_khugepaged_scan_pmd"
    client.write("options/event-fork", "1", "trunc")
    client.write(f"{event}/enable", "1", "trunc")
    gone = machine.spawn("gone")
    client.write("set_event_pid", str(gone.pid), "trunc")
    machine.exit(gone)
    client.write(f"{event}/inject", "status=1", "plain")
    assert "status=succeeded" not in client.read("trace")
    client.write("set_event_pid", "\n", "append")
    client.write(f"{event}/inject", "status=1", "plain")
    assert client.read("trace").count("status=succeeded") == 1
