"""Pages in a pipe: vmsplice(2), as fs/splice.c does it."""

from __future__ import annotations

from engine import fault
from engine.folio import HPAGE_PMD_SIZE, PAGE_SIZE
from engine.mm import MmStruct
from engine.page_table import ZERO, HugePmd

PIPE_PAGES = 256
"""Pages that a pipe of one MiB has room for."""

_BATCH = 16
"""Pages that are brought in before the first of them goes into the pipe."""


def vmsplice(mm: MmStruct, start: int, end: int) -> None:
    """Put the pages of [start, end) into a new pipe, which holds a reference to each.

    A missing page is brought in as a read does.  The call ends early when the pipe is full,
    after one more batch was brought in, or at a page that can't be had.  Raises OSError only when
    that is the first page, for example EFAULT where nothing is mapped.

    Modelled after iter_to_pipe() in fs/splice.c.

    start, end: addresses of pages.
    """
    for address in range(start, end, PAGE_SIZE)[: PIPE_PAGES + _BATCH]:
        try:
            fault.touch(mm, address, address + PAGE_SIZE, write=False)
        except OSError:
            if address == start:
                raise
            break
        if address - start < PIPE_PAGES * PAGE_SIZE:
            _hold(mm, address)


def _hold(mm: MmStruct, address: int) -> None:
    """Take a reference to the page at an address, unless it is the small page of zeroes."""
    base = address & -HPAGE_PMD_SIZE
    pmd = mm.pmds[base]
    if isinstance(pmd, HugePmd):
        folio = pmd.folio
    else:
        index = (address - base) // PAGE_SIZE
        if pmd.states[index] & ZERO:
            return
        folio = mm.folio(pmd, index)
    mm.pinned.append(folio)
    folio.pins += 1
