"""Plays recorded cases against a tree of pseudo-files, without a mount.

A case is a list of steps with the kernel's answers; the words are those of the recordings:
write, read, nread (without blocking), list, mode, mkdir, rmdir, sleep.  What differs between any
two boots (times, pids, hashed pointers, ids) is taken out of both sides before comparing.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tracefs_fuse.files.node import Directory, File, Node, Request

Case = dict[str, Any]

_NOISE: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (
        re.compile(
            r"^ *\S.{0,15}-\d+ +(\( *[-\d]+\) )?\[\d{3}\]( [^ ]{5,6})? +(\d+\.\d{6}|\d+): ", re.M
        ),
        lambda m: f"TASK {'(TGID) ' if m[1] else ''}[CPU] {'FLAGS ' if m[2] else ''}TIME: ",
    ),
    (re.compile(r"^\s*\S{1,16}-\d+\s+\d+\S*\s+\d+us[+!#*@$ ]*: ", re.M), "TASK LATENCY: "),
    (re.compile(r"\b(mm|page|folio)=([0-9a-f]{8,16}\b|\(____ptrval____\))"), r"\1=POINTER"),
    (re.compile(r"^\[ *\d+\.\d{6}\] ", re.M), "[TIME] "),
    (re.compile(r"(oldest event ts|now ts): +[\d.]+"), r"\1: TIME"),
    (re.compile(r"(common_pid|pid): +\d+"), r"\1: PID"),
    (re.compile(r"^ID: \d+$", re.M), "ID: N"),
    (re.compile(r"common_type: +\d+"), "common_type: ID"),
]

_WRITE_FLAGS = {
    "trunc": os.O_WRONLY | os.O_TRUNC,
    "append": os.O_WRONLY | os.O_APPEND,
    "plain": os.O_WRONLY,
}
_CHUNK = 65536


def normal(text: str) -> str:
    """Text without what differs between any two boots."""
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    return text


@dataclass
class Client:
    """Makes requests of a tree as a process would through the kernel."""

    root: Directory
    request: Request
    tick: Callable[[], None] = field(default=lambda: None)
    """Called before each request: time goes on."""

    def node(self, path: str) -> Node:
        node: Node = self.root
        for name in path.split("/"):
            found = node.lookup(name) if isinstance(node, Directory) else None
            if found is None:
                raise OSError(errno.ENOENT, path)
            node = found
        return node

    def file(self, path: str) -> File:
        node = self.node(path)
        if not isinstance(node, File):
            raise OSError(errno.EISDIR, path)
        return node

    def read(self, path: str, *, nonblock: bool = False) -> str:
        opened = self.file(path).open(self.request, os.O_RDONLY)
        data = b""
        try:
            while chunk := opened.read(self.request, _CHUNK, len(data), nonblock):
                data += chunk
        except BlockingIOError:
            pass
        finally:
            opened.release()
        return data.decode("latin-1")

    def write(self, path: str, text: str, flag: str) -> None:
        opened = self.file(path).open(self.request, _WRITE_FLAGS[flag])
        try:
            opened.write(self.request, text.encode("latin-1"), 0)
        finally:
            opened.release()

    def names(self, path: str) -> list[str]:
        """What a folder holds; nothing when it is not there."""
        try:
            node = self.node(path)
        except OSError:
            return []
        return list(node.children()) if isinstance(node, Directory) else []

    def answer(self, do: list[Any]) -> tuple[str, str]:
        """Status and text of one step."""
        verb, *rest = do
        self.tick()
        try:
            return "OK", self._do(verb, rest)
        except OSError as error:
            return errno.errorcode[error.errno or errno.EIO], ""

    def _do(self, verb: str, rest: list[Any]) -> str:
        if verb == "write":
            self.write(*rest)
        elif verb in ("read", "nread"):
            return self.read(rest[0], nonblock=verb == "nread")
        elif verb == "list":
            node = self.node(rest[0])
            assert isinstance(node, Directory)
            return "".join(f"{name}\n" for name in sorted(node.children()))
        elif verb == "mode":
            node = self.node(rest[0])
            kind = stat.S_IFDIR if isinstance(node, Directory) else stat.S_IFREG
            return f"{kind | node.mode:o}"
        elif verb in ("mkdir", "rmdir"):
            parent, _, name = rest[0].rpartition("/")
            folder = self.node(parent)
            assert isinstance(folder, Directory)
            (folder.mkdir if verb == "mkdir" else folder.rmdir)(name)
        return ""


_OFF = (
    *("raw", "hex", "bin", "latency-format", "record-tgid", "print-parent", "stacktrace"),
    *("fields", "event-fork", "verbose", "userstacktrace"),
)
_ON = (
    *("context-info", "irq-info", "overwrite", "record-cmd", "markers", "trace_printk"),
    *("hash-ptr", "annotate", "print-parent"),
)
_SYSTEMS = ("events/huge_memory", "events/synthetic", "events/ftrace")


def reset(client: Client) -> None:
    """Puts a tree back to defaults as the recorder did before each case."""
    for name in client.names("instances"):
        _clear(client, f"instances/{name}/")
        client.answer(["rmdir", f"instances/{name}"])
    _clear(client, "")
    for option in _OFF:
        client.answer(["write", f"options/{option}", "0", "trunc"])
    for option in _ON:
        client.answer(["write", f"options/{option}", "1", "trunc"])
    client.answer(["write", "synthetic_events", "", "trunc"])
    client.answer(["write", "dynamic_events", "", "trunc"])
    _clear(client, "")
    client.answer(["write", "synthetic_events", "", "trunc"])


def _clear(client: Client, prefix: str) -> None:
    for system in _SYSTEMS:
        for name in client.names(prefix + system):
            event = f"{prefix}{system}/{name}"
            _clear_triggers(client, f"{event}/trigger")
            client.answer(["write", f"{event}/filter", "0", "trunc"])
    for path, text in (
        ("events/enable", "0"),
        ("set_event_pid", ""),
        ("set_event_notrace_pid", ""),
        ("current_tracer", "nop"),
        ("snapshot", "0"),
        ("tracing_on", "1"),
        ("trace_clock", "local"),
        ("buffer_size_kb", "1408"),
        ("trace", ""),
        ("error_log", ""),
    ):
        client.answer(["write", prefix + path, text, "trunc"])


def _clear_triggers(client: Client, path: str) -> None:
    """Removes histograms by truncation, and the others by their own words.

    A histogram that another one refers to goes once that one is gone, hence the rounds.
    """
    for _ in range(4):
        client.answer(["write", path, "", "trunc"])
        status, text = client.answer(["read", path])
        if status != "OK":
            return
        for line in text.splitlines():
            if not line.startswith("#"):
                client.answer(["write", path, f"!{line.partition(' [')[0]}", "append"])


def differences(client: Client, case: Case) -> list[str]:
    """Where a tree's answers to a case are not the kernel's."""
    reset(client)
    said = []
    for number, step in enumerate(case["steps"], 1):
        if step["do"][0] == "run":
            continue
        status, text = client.answer(step["do"])
        wanted = step.get("text", "")
        same = step.get("any") or case.get("skip_text") or normal(text) == normal(wanted)
        if status != step["status"] or not same:
            lines = difflib.unified_diff(
                normal(wanted).splitlines(),
                normal(text).splitlines(),
                "kernel",
                "here",
                lineterm="",
            )
            head = f"step {number}: {step['do']}: kernel {step['status']}, here {status}"
            said.append("\n".join([head, *lines]))
    return said
