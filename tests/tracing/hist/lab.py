"""Tracing on its own, and requests to its trigger, hist and inject files by their paths."""

from __future__ import annotations

import errno

from tracefs_fuse.tracing.event_file import EventFile
from tracefs_fuse.tracing.hist import hist_text
from tracefs_fuse.tracing.hist.variables import find_event_file
from tracefs_fuse.tracing.inject import write_inject
from tracefs_fuse.tracing.source import ManualSource, Task
from tracefs_fuse.tracing.trace_marker import write_marker
from tracefs_fuse.tracing.tracing import Tracing
from tracefs_fuse.tracing.triggers.trigger_file import (
    read_triggers,
    truncate_triggers,
    write_trigger,
)


class HistLab:
    """A core without a tree: what histograms need of one."""

    def __init__(self, version: str) -> None:
        self.source = ManualSource(current=Task(1, 1, "sh"))
        self.tracing = Tracing(version, self.source)
        self.top = self.tracing.top

    def file(self, path: str) -> EventFile:
        """The event of ``events/SYSTEM/EVENT/...``."""
        _, system, event, _ = path.split("/")
        file = find_event_file(self.top, system, event)
        if file is None:
            raise OSError(errno.ENOENT, path)
        return file

    def answer(self, do: list[str]) -> tuple[str, str | None]:
        """Status and text of a request; the text is None for what is no matter of histograms."""
        self.source.now += 1000
        try:
            return "OK", self.write(*do[1:]) if do[0] == "write" else self.read(do[1])
        except OSError as error:
            return errno.errorcode[error.errno or errno.EIO], ""

    def read(self, path: str) -> str | None:
        if path == "error_log":
            return "".join(self.top.error_log.entries())
        if path == "synthetic_events":
            return self.tracing.synthetic.text()
        if path == "trace_clock":
            return self.top.clock.text()
        if path.endswith("/trigger"):
            return "".join(read_triggers(self.file(path)))
        return hist_text(self.file(path)) if path.endswith("/hist") else None

    def write(self, path: str, text: str, flag: str) -> str:
        if path.endswith("/trigger"):
            if flag == "trunc":
                truncate_triggers(self.file(path))
            write_trigger(self.file(path), text)
        elif path.endswith("/inject"):
            write_inject(self.file(path), self.source.current, text)
        elif path.endswith("/enable"):
            file = self.file(path)
            (file.enable if text.strip() == "1" else file.disable)()
        elif path == "trace_marker":
            write_marker(self.top, self.source.current, text.encode("latin-1"))
        elif path == "synthetic_events":
            self.tracing.synthetic.write(text)
        else:
            raise NotImplementedError(path)
        return ""
