"""Between bytes of a write and the text that the core takes."""

from __future__ import annotations

from collections.abc import Callable

from tracefs_fuse.files.node import Request


def command(run: Callable[[str], int | None]) -> Callable[[Request, bytes], int | None]:
    """A store handler that hands each write to the core as text, up to its first NUL."""

    def store(request: Request, data: bytes) -> int | None:
        text = data.partition(b"\0")[0].decode("latin-1")
        used = run(text)
        return None if used == len(text) else used

    return store


def words(run: Callable[[str], int | None]) -> Callable[[Request, bytes], int | None]:
    """A store handler that hands each write to the core as text; NULs part words."""
    return lambda request, data: run(data.decode("latin-1"))
