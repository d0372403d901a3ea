"""Processes that sleep; khugepaged never hears of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.mmap import mmap

if TYPE_CHECKING:
    from engine.machine import Machine

_HEAP = 0x555555600000
_SMALL = 0x21000


def begin(machine: Machine) -> None:
    for comm, pid in (("init", 1), ("sshd", None), ("bash", None)):
        mmap(machine.spawn(comm, pid=pid).mm, _HEAP, _SMALL)
