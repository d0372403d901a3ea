"""Those who look at everything and change nothing."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator

from tests.load.client import Client
from tests.load.counted import seen_in_trace
from tests.load.stages import INSTANCES, QUIET, SCAN_PMD, STAGES, TRACING

PIPES = ("trace_pipe", "trace_pipe_raw")
_LEFT_ALONE = ("free_buffer",)
"""What changes a buffer when it is closed."""

_COUNTED = tuple(stage.path for stage in STAGES)
_OTHERS_READ = (*_COUNTED, QUIET)
"""Instances whose pipes are left to their readers."""

_HISTS = tuple(f"{stage.path}/{SCAN_PMD}/hist" for stage in STAGES if stage.has_events)
_HIT = re.compile(r"hitcount: +(\d+)")
_HITS = re.compile(r"Hits: (\d+)")
_POLL_MS = 200
_SHORT_PAUSE = 0.02
_PATIENCE = 20.0


def walk(client: Client) -> None:
    """Look into all folders, at all nodes and into all files, in any order."""
    while not client.ending:
        for path in _nodes_below(client, ""):
            if client.ending:
                return
            name = path.rpartition("/")[2]
            consumes = name in PIPES and path.startswith(_OTHERS_READ)
            if name not in _LEFT_ALONE and not consumes:
                with client.may_be_refused():
                    client.read(path, os.O_NONBLOCK)


def _nodes_below(client: Client, folder: str) -> Iterator[str]:
    entries: list[os.DirEntry[str]] = []
    with client.may_be_refused(), client.asks("readdir", folder):
        entries = list(os.scandir(client.mount / folder))
    client.random.shuffle(entries)
    for entry in entries:
        path = f"{folder}/{entry.name}".lstrip("/")
        with client.may_be_refused(), client.asks("stat", path):
            entry.stat(follow_symlinks=False)
        if entry.is_symlink():
            with client.may_be_refused(), client.asks("readlink", path):
                os.readlink(client.mount / path)
        elif entry.is_dir():
            yield from _nodes_below(client, path)
        else:
            yield path


def read_traces(client: Client) -> None:
    """Read ``trace`` of the counted instances in pieces of any size: no marker is torn."""
    while not client.ending:
        path = f"{client.random.choice(_COUNTED)}/trace"
        pieces = client.pieces(path, size=client.random.choice((70, 1000, 4096, 65536)))
        text = b""
        for piece, _ in zip(pieces, range(200), strict=False):
            text += piece
        faults = seen_in_trace(text)
        if faults:
            raise AssertionError(faults[0])


def read_hists(client: Client) -> None:
    """Read histograms while they fill: hits only grow, and are those of the entries."""
    seen = dict.fromkeys(_HISTS, 0)
    while not client.ending:
        for path in _HISTS:
            text = client.read(path).decode()
            if client.ending:
                return
            found = _HITS.search(text)
            hits = int(found[1]) if found else -1
            if hits < seen[path] or hits != sum(map(int, _HIT.findall(text))):
                raise AssertionError(f"{seen[path]} hits before {text}")
            seen[path] = hits
        time.sleep(_SHORT_PAUSE)


def read_stats(client: Client) -> None:
    """Read the statistics of the counted instances: what was overwritten only grows."""
    seen: dict[str, int] = {}
    while not client.ending:
        for stage in _COUNTED:
            for cpu in client.names(f"{stage}/per_cpu"):
                path = f"{stage}/per_cpu/{cpu}/stats"
                overrun = stats(client, path).get("overrun", 0)
                if overrun < seen.get(path, 0) and not client.ending:
                    raise AssertionError(f"{path}: overrun {overrun} after {seen[path]}")
                seen[path] = overrun
        time.sleep(_SHORT_PAUSE)


def stats(client: Client, path: str) -> dict[str, int]:
    """The counters of a file ``stats``."""
    pairs = re.findall(r"^([a-z ]+): (\d+)$", client.read(path).decode(), re.MULTILINE)
    return {name: int(value) for name, value in pairs}


def poll(client: Client) -> None:
    """Wait in poll(2) for what comes, and leave it to others in the counted instances."""
    while not client.ending:
        folder = client.random.choice([*_COUNTED, TRACING, *_others(client)])
        cpus = client.names(f"{folder}/per_cpu") or ["cpu0"]
        files = [f"per_cpu/{cpu}/trace_pipe_raw" for cpu in cpus] + [f"{SCAN_PMD}/hist"]
        path = f"{folder}/{client.random.choice([*files, 'trace_pipe'])}"
        if folder in _COUNTED and path.endswith("trace_pipe"):
            continue
        with client.may_be_refused():
            _wait_for(client, path, consumes=folder not in _COUNTED)


def _wait_for(client: Client, path: str, *, consumes: bool) -> None:
    descriptor = client.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN | select.POLLPRI)
        for _ in range(client.random.randrange(1, 5)):
            with client.asks("poll", path):
                ready = waiting.poll(client.random.randrange(_POLL_MS))
            if ready and consumes:
                with client.asks("read", path):
                    os.read(descriptor, 4096)
    finally:
        client.close(descriptor, path)


def _others(client: Client) -> list[str]:
    paths = [f"{INSTANCES}/{name}" for name in client.names(INSTANCES)]
    return [path for path in paths if path not in _OTHERS_READ]


def pread(client: Client) -> None:
    """Ask for a few bytes at any place."""
    while not client.ending:
        folder = client.random.choice([TRACING, *_COUNTED])
        files = (
            *("README", "available_events", "trace", "per_cpu/cpu0/stats", f"{SCAN_PMD}/hist"),
            *(f"{SCAN_PMD}/format", "trace_options", "set_event"),
        )
        path = f"{folder}/{client.random.choice(files)}"
        with client.may_be_refused():
            descriptor = client.open(path)
            try:
                for _ in range(20):
                    with client.asks("pread", path):
                        os.pread(
                            descriptor,
                            client.random.randrange(1, 300),
                            client.random.randrange(20_000),
                        )
            finally:
                client.close(descriptor, path)


def interrupt(client: Client) -> None:
    """Have a process wait in a pipe where nothing comes, and interrupt it."""
    while not client.ending:
        path = f"{QUIET}/{client.random.choice(('', 'per_cpu/cpu0/'))}"
        path += client.random.choice(PIPES) if path.endswith("cpu0/") else "trace_pipe"
        process = subprocess.Popen(["cat", client.mount / path], stdout=subprocess.DEVNULL)
        time.sleep(client.random.random() / 2)
        process.send_signal(client.random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL)))
        with client.asks("interrupt", path):
            status = process.wait(_PATIENCE)
        if status >= 0:
            raise AssertionError(f"cat {path} ended by itself with {status}")
