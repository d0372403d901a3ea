"""Sequences of requests, made from a seed alone: what a lab answers does not come into it."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from tests.fuzz.request import SLOTS, TRACING, Request, kind_of
from tests.fuzz.words import NUMBERS, PIECES, WORDS, Deed, recorded_cases, words_for
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.files.node import Directory

INSTANCES = f"{TRACING}/instances"
_INSTANCE_NAMES = ("a", "b", "c", "a b", "\xe9", "x" * 255)
_SYNTHETIC = "syn s32 a; unsigned int b; u64 c\ntwo int d; unsigned long p"

_ACCESS = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_ACCMODE)
_FLAGS = (
    *(os.O_TRUNC, os.O_APPEND, os.O_DIRECT, os.O_CREAT, os.O_CREAT | os.O_EXCL, os.O_DIRECTORY),
    *(os.O_NOFOLLOW, os.O_PATH, os.O_TMPFILE, os.O_SYNC, os.O_DSYNC, os.O_NOATIME, os.O_CLOEXEC),
)
_OFFSETS = (0, 0, 0, 1, 2, 7, 100, 4095, 4096, 4097, 65536, 1 << 31, (1 << 63) - 1, 1 << 40)
_SIZES = (0, 1, 2, 7, 100, 1023, 4096, 4097, 8192, 65536, 131072)
_HUGE = (4094, 4095, 4096, 4097, 8192, 65537, 131073, 1 << 20, (1 << 20) + 1)
_FOLDER = "folder"
_OFTEN = 5
"""As often as others are the kinds of files chosen that take words."""

_MODES = (0o000, 0o644, 0o777, 0o7777, 0o40755)
_IOCTLS = (0, 1, 0x5401, 0x541B, 0x80086601)

ON_OPEN = ("poll", "ioctl", "lseek", "ftruncate", "fsync", "flock", "lockf", "fstat", "fallocate")
ON_NAMES = (
    *("rename", "unlink", "symlink", "link", "mknod", "chmod", "chown", "utimens", "truncate"),
    *("setxattr", "getxattr", "listxattr", "removexattr", "stat", "readlink", "access", "statfs"),
)


@cache
def paths_of(kernel: str) -> dict[str, str]:
    """All that a lab of this kernel can have, with an instance and some events made; and what kind
    of thing each is.
    """
    lab = build_lab(LabOptions(kernel=kernel, workload="idle", cpus=2))
    lab.tracing.make_instance("a")
    lab.tracing.synthetic.write(_SYNTHETIC)
    return dict(_walk(lab.root, ""))


def _walk(folder: Directory, path: str) -> Iterator[tuple[str, str]]:
    for name, node in folder.children().items():
        below = f"{path}/{name}"
        if isinstance(node, Directory):
            yield below, _FOLDER
            yield from _walk(node, below)
        else:
            yield below, kind_of(below)


class Generator:
    """Makes one sequence of requests."""

    def __init__(self, kernel: str, operations: frozenset[str], seed: str) -> None:
        """operations: those that the target can be asked for."""
        self._random = random.Random(seed)
        self._kernel = kernel
        self._operations = operations
        kinds: dict[str, list[str]] = {}
        for path, kind in paths_of(kernel).items():
            kinds.setdefault(kind, []).append(path)
        self._paths = list(kinds.values())
        """By kind."""

        self._often = [_OFTEN if kind in WORDS else 1 for kind in kinds]
        self._favourites = [self._any_path() for _ in range(4)]
        makers = {
            self._write_as_a_shell: 40,
            self._recorded: 12,
            self._use: 20,
            self._read_as_a_shell: 4,
            self._close: 3,
            self._instance: 6,
            self._on_names: 10,
        }
        self._makers: list[Callable[[], Iterator[Request]]] = list(makers)
        self._weights = list(makers.values())

    def sequence(self, length: int) -> list[Request]:
        """At least so many requests."""
        requests: list[Request] = []
        if self._chance(0.5):
            requests.append(Request("mkdir", f"{INSTANCES}/a", number=0o755))
        if self._chance(0.5):
            requests += self._echo(f"{TRACING}/synthetic_events", [_SYNTHETIC.encode()], 0)
        while len(requests) < length:
            (make,) = self._random.choices(self._makers, self._weights)
            requests += [made for made in make() if made.operation in self._operations]
        return requests

    # -- what is chosen --------------------------------------------------------------------

    def _chance(self, likely: float) -> bool:
        return self._random.random() < likely

    def _any_path(self) -> str:
        """Of any kind of file, however many there are of that kind."""
        (paths,) = self._random.choices(self._paths, self._often)
        return self._random.choice(paths)

    def _path(self) -> str:
        """Mostly one of a few."""
        return self._random.choice(self._favourites) if self._chance(0.5) else self._any_path()

    def _slot(self) -> int:
        return self._random.choice(SLOTS)

    def _data(self, path: str) -> bytes:
        """What is written: known words of the file, damaged words, and noise."""
        kind = kind_of(path)
        if self._chance(0.05):
            kind = kind_of(self._any_path())
        data = self._random.choice(words_for(kind, self._kernel))
        if self._chance(0.4):
            return data
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            data = self._random.choice(_DAMAGES)(self._random, data)
        return data

    def _pieces(self, data: bytes) -> list[bytes]:
        """One write, or the same in several."""
        if self._chance(0.9):
            return [data]
        cuts = sorted(self._random.randrange(len(data) + 1) for _ in range(2))
        return [data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] :]]

    # -- requests --------------------------------------------------------------------------

    def _echo(self, path: str, pieces: Sequence[bytes], flags: int) -> Iterator[Request]:
        slot = self._slot()
        yield Request("open", path, slot, number=os.O_WRONLY | flags)
        for piece in pieces:
            yield Request("write", slot=slot, data=piece)
        yield Request("close", slot=slot)

    def _write_as_a_shell(self) -> Iterator[Request]:
        path = self._path()
        flags = self._random.choice((os.O_TRUNC, os.O_APPEND, 0))
        yield from self._echo(path, self._pieces(self._data(path)), flags)

    def _recorded(self) -> Iterator[Request]:
        """Some steps of a case that was once played to a kernel, a few of them damaged."""
        deeds = self._random.choice(recorded_cases(self._kernel))
        first = self._random.randrange(len(deeds))
        for deed in deeds[first if self._chance(0.3) else 0 :][:6]:
            yield from self._deed(deed)

    def _deed(self, deed: Deed) -> Iterator[Request]:
        if deed.operation != "write":
            yield Request(deed.operation, deed.path, number=0o755)
            return
        damage = self._random.choice(_DAMAGES) if self._chance(0.2) else _undamaged
        flags = os.O_TRUNC if deed.truncates else os.O_APPEND
        yield from self._echo(deed.path, [damage(self._random, deed.data)], flags)

    def _use(self) -> Iterator[Request]:
        """Open something in any way, or take what may be open, and do things with it."""
        slot = self._slot()
        path = self._path()
        if self._chance(0.7):
            yield self._open(path, slot)
        for _ in range(self._random.choice((0, 1, 2, 4))):
            on_open = self._random.choice((self._write, self._read, self._other_on_open))
            yield on_open(path, slot)

    def _open(self, path: str, slot: int) -> Request:
        flags = self._random.choice(_ACCESS) | os.O_NONBLOCK
        while self._chance(0.3):
            flags |= self._random.choice(_FLAGS)
        return Request("open", path, slot, number=flags)

    def _write(self, path: str, slot: int) -> Request:
        data = self._data(path)
        if self._chance(0.7):
            return Request("write", slot=slot, data=data)
        return Request("pwrite", slot=slot, data=data, number=self._random.choice(_OFFSETS))

    def _read(self, path: str, slot: int) -> Request:
        if self._chance(0.6):
            return Request("read", slot=slot, number=self._random.choice(_SIZES))
        return Request("pread", slot=slot, number=self._random.choice(_OFFSETS))

    def _other_on_open(self, path: str, slot: int) -> Request:
        operation = self._random.choice(ON_OPEN)
        choices = _IOCTLS if operation == "ioctl" else _OFFSETS
        return Request(operation, slot=slot, number=self._random.choice(choices))

    def _read_as_a_shell(self) -> Iterator[Request]:
        slot, path = self._slot(), self._path()
        yield Request("open", path, slot, number=os.O_RDONLY | os.O_NONBLOCK)
        yield Request("read", slot=slot, number=self._random.choice(_SIZES))
        yield Request("read", slot=slot, number=self._random.choice(_SIZES))
        yield Request("close", slot=slot)

    def _close(self) -> Iterator[Request]:
        yield Request("close", slot=self._slot())

    def _instance(self) -> Iterator[Request]:
        names = _INSTANCE_NAMES if self._chance(0.2) else _INSTANCE_NAMES[:2]
        parent = INSTANCES if self._chance(0.95) else self._any_path()
        operation = self._random.choice(("mkdir", "rmdir", "readdir"))
        path = parent if operation == "readdir" else f"{parent}/{self._random.choice(names)}"
        yield Request(operation, path, number=0o755)

    def _on_names(self) -> Iterator[Request]:
        path = self._path()
        if self._chance(0.3):
            path = f"{path.rpartition('/')[0]}/new"
        other = self._random.choice((self._path(), f"{path}.new"))
        yield Request(
            self._random.choice(ON_NAMES),
            path,
            data=other.encode("latin-1"),
            number=self._random.choice(_MODES),
        )


# -- damages -------------------------------------------------------------------------------


def _undamaged(random: random.Random, data: bytes) -> bytes:
    return data


def _span(random: random.Random, data: bytes) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((0, 1, 1, 2, 3, 8)))


def _insert(random: random.Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.choice(PIECES).encode("latin-1") + data[end:]


def _cut(random: random.Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _end_early(random: random.Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _double(random: random.Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:]


def _number(random: random.Random, data: bytes) -> bytes:
    """Another number in the place of one."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return _insert(random, data)
    place = random.choice(found)
    return data[: place.start()] + random.choice(NUMBERS).encode() + data[place.end() :]


def _noise(random: random.Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.randbytes(random.choice((1, 2, 8, 60))) + data[end:]


def _negate(random: random.Random, data: bytes) -> bytes:
    return data[1:] if data.startswith(b"!") else b"!" + data


def _line(random: random.Random, data: bytes) -> bytes:
    return random.choice((data + b"\n", b"\n" + data, data + b"\n" + data, b" " + data + b" "))


def _shuffle(random: random.Random, data: bytes) -> bytes:
    """Two words change places."""
    words = re.split(rb"(\W+)", data)
    one, other = random.randrange(len(words)), random.randrange(len(words))
    words[one], words[other] = words[other], words[one]
    return b"".join(words)


def _huge(random: random.Random, data: bytes) -> bytes:
    """The same again and again, or with a long tail; rarely, for it is slow."""
    if random.random() < 0.8:
        return _insert(random, data)
    size = random.choice(_HUGE)
    if random.random() < 0.5:
        return (data or b"x").ljust(size, random.choice((b"x", b" ", b"\n", b"\0", b"(", b"!")))
    return ((data or b"x") * (size // len(data or b"x") + 1))[:size]


_DAMAGES = (
    *(_insert, _insert, _cut, _end_early, _double, _number, _number, _noise, _negate, _line),
    *(_shuffle, _huge),
)
