"""madvise(MADV_COLLAPSE): collapsing at a process's own request (mm/khugepaged.c)."""

from __future__ import annotations

import errno

from engine.collapse import collapse_scan_pmd
from engine.collapse_control import CollapseControl, revalidate
from engine.collapse_file import collapse_range
from engine.folio import HPAGE_PMD_ORDER, HPAGE_PMD_SIZE
from engine.mm import MmStruct, refuse
from engine.scan_result import ScanResult
from engine.thp import PMD, Purpose
from engine.vma import Vma

_R = ScanResult

_GOES_ON = frozenset(
    {
        _R.NO_PTE_TABLE,
        _R.PMD_NULL,
        _R.PTE_NON_PRESENT,
        _R.PTE_UFFD,
        _R.PAGE_RO,
        _R.LACK_REFERENCED_PAGE,
        _R.PAGE_NULL,
        _R.PAGE_COUNT,
        _R.PAGE_LOCK,
        _R.PAGE_COMPOUND,
        _R.PAGE_LRU,
        _R.DEL_PAGE_LRU,
    }
)
"""Results of a range after which the next one is tried."""


def madvise_collapse(mm: MmStruct, vma: Vma, start: int, end: int) -> None:
    """Collapse the part [start, end) of a mapping.

    Raises OSError: EINVAL, ENOMEM, EBUSY, EAGAIN for what stood against it last.
    """
    kernel = mm.kernel
    if not kernel.thp.allowable_orders(vma, mm, Purpose.FORCED_COLLAPSE, PMD):
        raise refuse(errno.EINVAL)
    hstart = -(-start // HPAGE_PMD_SIZE) * HPAGE_PMD_SIZE
    hend = end & -HPAGE_PMD_SIZE
    if hstart > hend and not kernel.version.empty_range_collapses:
        raise refuse(errno.EINVAL)  # the number of ranges is taken for a huge one
    cc = CollapseControl(kernel, is_khugepaged=False)
    done, failure = 0, _R.FAIL
    address = hstart
    while address < hend:
        if cc.lock_dropped:
            cc.lock_dropped = False
            found = revalidate(cc, mm, address, HPAGE_PMD_ORDER, expect_anon=False)
            if isinstance(found, ScanResult):
                failure = found
                break
            vma = found
            hend = min(hend, vma.end & -HPAGE_PMD_SIZE)
        if vma.is_anonymous:
            result = collapse_scan_pmd(cc, mm, vma, address)
        else:
            result = collapse_range(cc, mm, vma, address)
        if result in (_R.SUCCEED, _R.PMD_MAPPED):
            done += 1
        else:
            failure = result
            if result not in _GOES_ON:
                break
        address += HPAGE_PMD_SIZE
    if done < (hend - hstart) // HPAGE_PMD_SIZE:
        raise refuse(kernel.version.collapse_errno.get(failure, errno.EINVAL))
