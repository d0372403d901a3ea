"""The mappings that a program has before it does anything: they count when it is scanned."""

from __future__ import annotations

import itertools

from engine import fault
from engine.filemap import AddressSpace, FileKind
from engine.folio import PAGE_SIZE
from engine.mm import MmStruct
from engine.mmap import expand, mmap, mprotect

_TEXT = (0x400000, 0x401000, 0x499000, 0x4C3000, 0x4C7000, 0x4CA000)
"""Borders of the parts of the program's file; what follows are data that begin as zeroes."""

_RELRO = 3
_BSS_END = 0x4D0000
_HEAP, _HEAP_FIRST, _HEAP_GROWN = 0x33EC1000, 0x1000, 0x21000
_STACK, _STACK_SIZE = 0x7FFF65E90000, 0x21000
_KERNELS = {
    "[vvar]": (0x7FFF65B4C000, 0x7FFF65B50000),
    "[vvar_vclock]": (0x7FFF65B50000, 0x7FFF65B52000),
    "[vdso]": (0x7FFF65B52000, 0x7FFF65B54000),
}
"""What the kernel maps of itself: the time, the clock, code."""


def start_program(mm: MmStruct, path: str) -> None:
    """execve(2) of a small static program."""
    file = AddressSpace(mm.kernel, path, FileKind.DISK, (_TEXT[-1] - _TEXT[0]) // PAGE_SIZE)
    mm.exe_file, mm.arguments = file, f"{path}\0"
    for number, (start, end) in enumerate(itertools.pairwise(_TEXT)):
        offset = (start - _TEXT[0]) // PAGE_SIZE
        mmap(
            mm, start, end - start, file, offset, writable=number >= _RELRO, executable=number == 1
        )
        if number == _RELRO:
            mprotect(mm, start, end, readable=True, writable=False)
    for name, start, size in (
        ("", _TEXT[-1], _BSS_END - _TEXT[-1]),
        ("[heap]", _HEAP, _HEAP_FIRST),
        ("[stack]", _STACK, _STACK_SIZE),
    ):
        mmap(mm, start, size).name = name
        fault.touch(mm, start, start + PAGE_SIZE, write=True)
    heap = mm.find_vma(_HEAP)
    assert heap is not None
    expand(mm, heap, _HEAP_GROWN)
    for name, (start, end) in _KERNELS.items():
        if name != "[vvar_vclock]" or mm.kernel.version.maps_clock:
            vma = mmap(mm, start, end - start, writable=False, executable=name == "[vdso]")
            vma.name, vma.special = name, True
