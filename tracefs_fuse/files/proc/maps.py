"""``maps``: the mappings of a process, a line each (show_map_vma() in fs/proc/task_mmu.c)."""

from __future__ import annotations

from collections.abc import Iterator

from engine.filemap import FileKind
from engine.folio import PAGE_SIZE
from engine.machine import Process
from engine.vma import Vma

_NAME_COLUMN = 73
_DEVICES = {FileKind.MEMFD: "00:01", FileKind.TMPFS: "00:1b", FileKind.DISK: "08:01"}


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
    offset = vma.pgoff * PAGE_SIZE if file is not None else 0
    device = _DEVICES[file.kind] if file is not None else "00:00"
    inode = file.inode if file is not None else 0
    name = file.path if file is not None else vma.name
    line = f"{vma.start:08x}-{vma.end:08x} {rights} {offset:08x} {device} {inode} "
    return f"{line:<{_NAME_COLUMN}}{name}\n" if name else f"{line}\n"
