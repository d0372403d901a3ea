"""Between bytes of a write and the text that the core takes."""

from __future__ import annotations

from collections.abc import Callable

from tracefs_fuse.files.node import Request


def command(run: Callable[[str], int | None]) -> Callable[[Request, bytes], int | None]:
    """A store handler that hands each write to the core as text, whoever makes it."""

    def store(request: Request, data: bytes) -> int | None:
        return run(data.decode("latin-1"))

    return store
