"""Those who write counted markers, and those who consume them."""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import dataclass, field

from tests.load.client import Client
from tests.load.markers import (
    END,
    SHORTEST_RAW,
    SHORTEST_TEXT,
    Ledger,
    raw_marker,
    read_raw,
    read_text,
    text_marker,
)
from tests.load.pages import PAGE_SIZE, Torn, read_page

_PATIENCE = 0.005
"""Seconds until a full buffer is asked again."""

_NAPS, _NAP = 0.02, 0.5
"""How often a reader sleeps, and for how many seconds: meanwhile buffers run over."""

_LINE = re.compile(rb" *\S.*-\d+ +\[\d+\] .{4,5} +\d+\.\d{6}: (.+)")
_MARK = b"tracing_mark_write: "
_RAW = re.compile(rb"# ([0-9a-f]+) buf:((?: [0-9a-f]{2})*)")
_LOST = re.compile(rb"CPU:\d+ \[LOST (\d+ )?EVENTS\]")
_PRINT_TEXT, _RAW_DATA = 16, 8
"""Where a record has its text, or its id and data."""


@dataclass
class Writer:
    """Writes markers until the end, and counts those that were taken."""

    stage: str
    number: int
    path: str
    cpu: int
    raw: bool
    longest: int
    rest: float
    written: int = 0
    refused: int = 0

    def __call__(self, client: Client) -> None:
        os.sched_setaffinity(0, {self.cpu})  # of this thread
        make, shortest = (raw_marker, SHORTEST_RAW) if self.raw else (text_marker, SHORTEST_TEXT)
        descriptor = client.open(self.path, os.O_WRONLY)
        while not client.ending:
            size = int(shortest + (self.longest - shortest) * client.random.random() ** 4)
            marker = make(self.number, self.written, size)
            time.sleep(self.rest if self._takes(client, descriptor, marker) else _PATIENCE)
        client.close(descriptor, self.path)

    def _takes(self, client: Client, descriptor: int, marker: bytes) -> bool:
        try:
            with client.asks("mark", self.path):
                taken = os.write(descriptor, marker)
        except OSError as error:
            if error.errno != errno.EBADF:  # the buffer is full
                raise
            self.refused += 1
            return False
        if taken != len(marker):
            raise AssertionError(f"{self.path} took {taken} of {len(marker)} bytes")
        self.written += 1
        return True


@dataclass
class Reader:
    """Reads a pipe, waiting for markers, until the last one of each CPU came."""

    stage: str
    path: str
    ends: int
    """How many last markers come."""

    ids: dict[int, str]
    """Names of the fixed entries by their id."""

    ledger: Ledger = field(default_factory=Ledger)
    rest: bytes = b""
    """The beginning of a line."""

    def __call__(self, client: Client) -> None:
        take = self._page if self.path.endswith("_raw") else self._text
        descriptor = client.open(self.path)
        while self.ends:
            data = os.read(descriptor, PAGE_SIZE)
            client.answered("consume")
            take(data)
            if client.random.random() < _NAPS:
                time.sleep(_NAP)
        client.close(descriptor, self.path)

    def _page(self, data: bytes) -> None:
        ledger = self.ledger
        try:
            page = read_page(data)
        except Torn as torn:
            ledger.faults.append(f"torn page: {torn}")
            return
        self._lost(page.missed)
        for record in page.records:
            name = self.ids.get(int.from_bytes(record[:2], "little"))
            if name == "print":
                text = record[_PRINT_TEXT:].partition(b"\0")[0].removesuffix(b"\n")
                self._marked(text)
            elif name == "raw_data":
                ledger.add(read_raw(record[_RAW_DATA:]), record)
            else:
                ledger.others += 1

    def _text(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            lost = _LOST.fullmatch(line)
            if lost is not None:
                self._lost(int(lost[1]) if lost[1] else -1)
                continue
            whole = _LINE.fullmatch(line)
            if whole is None:
                self.ledger.faults.append(f"torn line: {line!r}")
            elif whole[1].startswith(_MARK):
                self._marked(whole[1].removeprefix(_MARK))
            else:
                self._other(whole[1])

    def _other(self, text: bytes) -> None:
        raw = _RAW.fullmatch(text)
        if raw is None:
            self.ledger.others += 1
            return
        id = int(raw[1], 16).to_bytes(4, "little")
        self.ledger.add(read_raw(id + bytes.fromhex(raw[2].decode())), text)

    def _marked(self, text: bytes) -> None:
        if text == END:
            self.ends -= 1
        else:
            self.ledger.add(read_text(text), text)

    def _lost(self, count: int) -> None:
        if count < 0:
            self.ledger.lost_uncounted += 1
        else:
            self.ledger.lost += count


def seen_in_trace(text: bytes) -> list[str]:
    """What is wrong with the markers of a listing that stays, as far as it was read."""
    faults = []
    for line in text.split(b"\n")[:-1]:
        _, marked, marker = line.partition(_MARK)
        if marked and marker != END and read_text(marker) is None:
            faults.append(f"torn in trace: {line!r}")
    return faults
