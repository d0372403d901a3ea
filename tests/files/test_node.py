"""Pseudo-files as those see them who serve a tree."""

from __future__ import annotations

import errno
import itertools
import os
import tracemalloc
from collections.abc import Iterator

import pytest

from tracefs_fuse.files.node import Directory, Listed, OpenFile, Request, Symlink, TextFile

REQUEST = Request(1)


def read(opened: OpenFile, size: int, offset: int) -> bytes:
    return opened.read(REQUEST, size, offset, nonblock=False)


class Counter:
    """Shows how often it was asked for its text."""

    def __init__(self) -> None:
        self.shown = 0

    def show(self) -> str:
        self.shown += 1
        return f"shown {self.shown}\n"


def test_text_is_made_once_an_open() -> None:
    counter = Counter()
    file = TextFile(0o440, counter.show)
    first, second = file.open(REQUEST, os.O_RDONLY), file.open(REQUEST, os.O_RDONLY)
    assert counter.shown == 0
    assert [read(first, 3, offset) for offset in (0, 3, 6, 8)] == [b"sho", b"wn ", b"1\n", b""]
    assert read(second, 100, 0) == b"shown 2\n"
    assert counter.shown == 2


def test_text_is_made_again_for_a_read_at_another_place() -> None:
    counter = Counter()
    opened = TextFile(0o440, counter.show).open(REQUEST, os.O_RDONLY)
    assert read(opened, 100, 0) == b"shown 1\n"
    assert read(opened, 100, 6) == b"2\n"
    assert read(opened, 100, 0) == b"shown 3\n"


@pytest.mark.parametrize("place", [8, 100])
def test_a_list_goes_on_with_records_that_come_behind_its_end(place: int) -> None:
    """As seq_list_start() has it: records have numbers, and none is shown twice."""
    records = ["one\n", "two\n"]
    opened = TextFile(0o440, lambda: Listed(lambda: list(records))).open(REQUEST, os.O_RDONLY)
    assert read(opened, 100, 0) == b"one\ntwo\n"
    assert read(opened, 100, place) == b""
    records.append("three\n")
    assert read(opened, 2, place) == b"th"
    assert read(opened, 100, place + 2) == b"ree\n"
    records.insert(0, "zero\n")
    assert read(opened, 100, place + 6) == b"three\n"
    records.clear()
    assert read(opened, 100, place + 12) == b""


def test_pieces_are_made_as_they_are_read() -> None:
    made: list[int] = []

    def show() -> Iterator[str]:
        for number in range(100):
            made.append(number)
            yield f"{number:03}\n"

    opened = TextFile(0o440, show).open(REQUEST, os.O_RDONLY)
    assert read(opened, 6, 0) == b"000\n00"
    assert made == [0, 1]
    assert read(opened, 1000, 396) == b"099\n"
    assert read(opened, 1000, 400) == b""


def test_pieces_are_made_again_for_a_read_at_another_place() -> None:
    made: list[int] = []

    def show() -> Iterator[str]:
        for number in range(100):
            made.append(number)
            yield f"{number:03}\n"

    opened = TextFile(0o440, show).open(REQUEST, os.O_RDONLY)
    assert read(opened, 8, 80) == b"020\n021\n"
    assert read(opened, 8, 80) == b"020\n021\n"
    assert read(opened, 8, 84) == b"021\n022\n"
    assert made == [*range(22), *range(22), *range(23)]
    made.clear()
    assert read(opened, 8, 40) == b"010\n011\n"
    assert read(opened, 8, 48) == b"012\n013\n"
    assert made == [*range(14)]
    assert read(opened, 8, 1000) == b""


def test_text_that_goes_on_while_it_is_read_takes_no_memory() -> None:
    opened = TextFile(0o440, lambda: itertools.repeat("x" * 1000)).open(REQUEST, os.O_RDONLY)
    tracemalloc.start()
    for number in range(1000):
        assert len(read(opened, 5000, 5000 * number)) == 5000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_each_character_is_a_byte() -> None:
    opened = TextFile(0o440, lambda: "\x00\x7f\x80\xff").open(REQUEST, os.O_RDONLY)
    assert read(opened, 10, 0) == b"\x00\x7f\x80\xff"


@pytest.mark.parametrize(("taken", "answered"), [(None, 5), (2, 2)])
def test_store(taken: int | None, answered: int) -> None:
    stored: list[bytes] = []

    def store(request: Request, data: bytes) -> int | None:
        stored.append(data)
        return taken

    opened = TextFile(0o200, store=store).open(REQUEST, os.O_WRONLY)
    assert opened.write(REQUEST, b"words", 0) == answered
    assert stored == [b"words"]


@pytest.mark.parametrize(
    ("flags", "truncations"),
    [
        (os.O_RDONLY, 0),
        (os.O_RDONLY | os.O_TRUNC, 0),
        (os.O_WRONLY, 0),
        (os.O_WRONLY | os.O_APPEND, 0),
        (os.O_WRONLY | os.O_TRUNC, 1),
        (os.O_RDWR | os.O_TRUNC, 1),
    ],
)
def test_truncation(flags: int, truncations: int) -> None:
    heard: list[Request] = []
    TextFile(0o640, lambda: "", truncated=heard.append).open(REQUEST, flags)
    assert len(heard) == truncations


def test_truncation_may_refuse_the_open() -> None:
    def refuse(request: Request) -> None:
        raise OSError(errno.EBUSY, "busy")

    with pytest.raises(OSError, match="busy"):
        TextFile(0o640, truncated=refuse).open(REQUEST, os.O_WRONLY | os.O_TRUNC)


def test_release_is_told() -> None:
    told: list[str] = []
    opened = TextFile(0o200, released=lambda: told.append("released")).open(REQUEST, os.O_WRONLY)
    assert told == []
    opened.release()
    assert told == ["released"]


def test_what_has_no_handler_is_invalid() -> None:
    opened = TextFile(0o640).open(REQUEST, os.O_RDWR)
    for attempt in (lambda: read(opened, 1, 0), lambda: opened.write(REQUEST, b"x", 0)):
        with pytest.raises(OSError, match=r".*") as caught:
            attempt()
        assert caught.value.errno == errno.EINVAL


def test_directory() -> None:
    link, file = Symlink("there"), TextFile(0o440)
    folder = Directory({"z": file, "a": link})
    assert list(folder.children()) == ["z", "a"]
    assert folder.lookup("a") is link
    assert folder.lookup("b") is None
    for change in (folder.mkdir, folder.rmdir):
        with pytest.raises(PermissionError) as caught:
            change("b")
        assert caught.value.errno == errno.EPERM
