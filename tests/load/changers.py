"""Those who change settings, and make and remove instances."""

from __future__ import annotations

import os
from collections import deque

from tests.load.client import Client
from tests.load.settings import LAB_SETTINGS, LARGEST_BUFFER_KB, LATEST_NAMES, SETTINGS, Setting
from tests.load.stages import INSTANCES, TRACING

CHANGED = (TRACING, *(f"{INSTANCES}/changed{number}" for number in range(3)))
"""The instances whose settings are changed."""

AT_A_TIME = 3
"""Instances that one maker has at a time."""

_LAB_SHARE = 0.15
_WITH_VARIABLES = ("huge_memory/mm_khugepaged_scan", "huge_memory/mm_khugepaged_scan_pmd")
"""Events whose histograms may hold an instance; those that refer to others come first."""

_SYNTHETIC = f"{TRACING}/synthetic_events"


class Changer:
    """Writes any of the settings, anywhere."""

    def __init__(self, number: int, cpus: int) -> None:
        self._number = number
        self._cpus = cpus
        self._made = 0

    def __call__(self, client: Client) -> None:
        while not client.ending:
            if client.random.random() < _LAB_SHARE:
                self._change(client, "", client.random.choice(LAB_SETTINGS))
            else:
                self.change_one(client, client.random.choice(CHANGED))

    def change_one(self, client: Client, instance: str) -> None:
        """Change something of an instance."""
        self._change(client, instance, client.random.choice(SETTINGS))

    def _change(self, client: Client, folder: str, setting: Setting) -> None:
        with client.may_be_refused():
            path = f"{folder}/{setting.path}".lstrip("/")
            if "{event}" in path:
                text = client.read(f"{TRACING}/available_events").decode()
                events = text.replace(":", "/").split() or ["none"]
                path = path.replace("{event}", client.random.choice(events))
            path = path.replace("{cpu}", str(client.random.randrange(self._cpus)))
            word = self._filled(client, client.random.choice(setting.words))
            client.write(path, word.encode(), os.O_TRUNC if setting.truncates else 0)

    def _filled(self, client: Client, word: str) -> str:
        if "{" not in word:
            return word
        names = [line.split()[0] for line in client.read(_SYNTHETIC).decode().splitlines()]
        if len(names) >= LATEST_NAMES:
            self._make_room(client)
        self._made += 1
        new = f"made{self._number}_{self._made}"
        return word.replace("{name}", new).replace("{old}", client.random.choice(names or [new]))

    def _make_room(self, client: Client) -> None:
        """Turn all synthetic events off, and remove them."""
        for instance in CHANGED:
            with client.may_be_refused():
                client.write(f"{instance}/set_event", b"!synthetic:*")
        client.write(_SYNTHETIC, b"", os.O_TRUNC)


class Maker:
    """Makes instances with names that were never there, uses them a little, and removes them."""

    def __init__(self, number: int, cpus: int) -> None:
        self._number = number
        self._changer = Changer(number, cpus)

    def __call__(self, client: Client) -> None:
        made: deque[str] = deque()
        count = 0
        while not client.ending:
            if len(made) == AT_A_TIME:
                self._remove(client, made)
                continue
            count += 1
            path = f"{INSTANCES}/made{self._number}_{count}"
            with client.asks("mkdir", path):
                os.mkdir(client.mount / path)
            made.append(path)
            client.write(f"{path}/buffer_size_kb", b"%d" % LARGEST_BUFFER_KB)
            for _ in range(client.random.randrange(10)):
                self._changer.change_one(client, path)
            client.names(f"{path}/events/huge_memory")

    @staticmethod
    def _remove(client: Client, made: deque[str]) -> None:
        """Remove the oldest, unless somebody has a file of it open."""
        path = made.popleft()
        for event in _WITH_VARIABLES:
            with client.may_be_refused():
                client.write(f"{path}/events/{event}/trigger", b"", os.O_TRUNC)
        with client.may_be_refused(), client.asks("rmdir", path):
            os.rmdir(client.mount / path)
            return
        made.append(path)
