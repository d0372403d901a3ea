"""The ``hist`` file, whose readers may wait for more hits.

Modelled after event_hist_open() and event_hist_poll() (kernel/trace/trace_events_hist.c).
"""

from __future__ import annotations

import select

from tracefs_fuse.files.node import READABLE, OpenFile, OpenText, Request, Seeks, TextFile
from tracefs_fuse.tracing.event_file import EventFile
from tracefs_fuse.tracing.hist import hist_hits, hist_text


class HistFile(TextFile):
    """``hist`` of an event."""

    def __init__(self, file: EventFile) -> None:
        super().__init__(0o440, lambda: hist_text(file.alive()), seeks=Seeks.NOT_TO_END)
        self._event_file = file

    def open(self, request: Request, flags: int) -> OpenFile:
        if not self._event_file.array.tracing.version.has_hist_poll:
            return super().open(request, flags)
        return _PolledHist(self, self._event_file)


class _PolledHist(OpenText):
    """Readable while there are other hits than were read; urgent when others than were heard of."""

    def __init__(self, file: HistFile, event_file: EventFile) -> None:
        super().__init__(file)
        self._event_file = event_file
        self._read_hits = 0
        self._known_hits = hist_hits(event_file)

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if offset == 0:
            self._read_hits = self._known_hits = hist_hits(self._event_file)
        return super().read(request, size, offset, nonblock)

    def events(self) -> int:
        hits = hist_hits(self._event_file)
        urgent = select.POLLPRI if hits != self._known_hits else 0
        return urgent | (READABLE if hits != self._read_hits else 0)

    def reported(self) -> None:
        self._known_hits = hist_hits(self._event_file)
