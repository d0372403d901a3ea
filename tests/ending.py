"""Signals that end a run of the tools in this folder, heard where the run can stop.

A run that only stops between two requests never leaves a lab half mounted or half unmounted.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tracefs_fuse.cli.ending import Ended

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_SECONDS = 10.0


class Ending:
    """The first signal that would have ended this process."""

    def __init__(self) -> None:
        self._came: int | None = None

    @property
    def came(self) -> bool:
        return self._came is not None

    @contextmanager
    def listens(self) -> Iterator[None]:
        """Keep signals until the end of the context, then end the process by the first that came.

        Signals that the process was told to ignore, as by nohup(1), stay so.
        """
        kept = {what: signal.getsignal(what) for what in _ENDING}
        heard = [what for what in kept if kept[what] != signal.SIG_IGN]

        def keep(what: int, frame: FrameType | None) -> None:
            self._came = self._came or what

        for what in heard:
            signal.signal(what, keep)
        try:
            yield
        except Ended as ended:
            sys.stdout.flush()
            ended.end()
        finally:
            for what in heard:
                signal.signal(what, kept[what])

    def check(self) -> None:
        """Raise Ended when a signal came."""
        if self._came is not None:
            raise Ended(self._came)


class Progress:
    """Tells how far a run is, on standard error: in one line of a terminal, else every 10 s."""

    def __init__(self) -> None:
        self._one_line = sys.stderr.isatty()
        self._told = time.monotonic()

    def tell(self, text: str) -> None:
        if self._one_line:
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() > self._told + _SECONDS:
            self._told = time.monotonic()
            print(text, file=sys.stderr, flush=True)
