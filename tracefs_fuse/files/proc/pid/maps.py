"""``maps``: the mappings of a process, a line each (show_map_vma() in fs/proc/task_mmu.c)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.filemap import FileKind
from engine.folio import PAGE_SIZE
from engine.task import Process
from engine.vma import Vma

_NAME_COLUMN = 73
_DEVICES = {FileKind.MEMFD: "00:01", FileKind.TMPFS: "00:1c", FileKind.DISK: "08:01"}
_ANONYMOUS = "00:00 0"


def maps_text(process: Process) -> Iterator[str]:
    for vma in list(process.mm.vmas):
        yield map_line(vma)


def map_line(vma: Vma) -> str:
    """Where a mapping is, what may be done there, and what is mapped."""
    rights = (
        ("r" if vma.readable else "-")
        + ("w" if vma.writable else "-")
        + ("x" if vma.executable else "-")
        + ("s" if vma.shared else "p")
    )
    file = vma.mapping
    if file is None:
        return header_line(vma.start, vma.end, f"{rights} 00000000 {_ANONYMOUS}", vma.name)
    place = f"{vma.pgoff * PAGE_SIZE:08x} {_DEVICES[file.kind]} {file.inode}"
    return header_line(vma.start, vma.end, f"{rights} {place}", file.path.replace("\n", "\\012"))


def header_line(start: int, end: int, what: str, name: str) -> str:
    """A range of addresses with what it is, and its name in a column of its own."""
    line = f"{start:08x}-{end:08x} {what} "
    return f"{line:<{_NAME_COLUMN}}{name}\n" if name else f"{line}\n"
