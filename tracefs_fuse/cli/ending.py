"""Signals that end a process, as exceptions: so it can put away first what nobody would want."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Ended(BaseException):
    """A signal came."""

    def __init__(self, signal_: int) -> None:
        super().__init__(signal_)
        self._signal = signal_

    def end(self) -> None:
        """End this process by the signal."""
        signal.signal(self._signal, signal.SIG_DFL)
        os.kill(os.getpid(), self._signal)


@contextmanager
def ending_raises() -> Iterator[None]:
    """Have the first signal that would end this process raise Ended; no other comes after it.

    Those that the process was told to ignore, as by nohup(1), stay so.
    """
    ending = [what for what in _ENDING if signal.getsignal(what) == signal.SIG_DFL]

    def end(what: int, frame: FrameType | None) -> None:
        for one in ending:
            signal.signal(one, signal.SIG_IGN)
        raise Ended(what)

    try:
        for what in ending:
            signal.signal(what, end)
        yield
    finally:
        for what in ending:
            signal.signal(what, signal.SIG_DFL)
