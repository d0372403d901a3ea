"""What events say of how a range ended, by kind of memory and way of collapsing.

Of an event only the fields that are named here count.  ``{..}`` is a value that a case gives, or
:data:`VALUES` has.
"""

from __future__ import annotations

from collections.abc import Iterator

_ISOLATED = "mm_collapse_huge_page_isolate none_or_zero={none} status=succeeded"
_COLLAPSED = "mm_collapse_huge_page isolated=1 status=succeeded"
_SCANNED = (
    "mm_khugepaged_scan_pmd none_or_zero={none} referenced={referenced} unmapped={unmapped} "
    "status=succeeded"
)
_FILE = "mm_khugepaged_collapse_file nr=512 result="
_SCANNED_FILE = "mm_khugepaged_scan_file present={present} swap=0 result="
_CACHED = "mm_khugepaged_scan_file present=0 swap=0 result=pte_mapped_hugepage"

_BY_KHUGEPAGED = (_FILE + "succeeded", _SCANNED_FILE + "succeeded")
_BY_MADVISE = (_FILE + "pte_mapped_hugepage", _SCANNED_FILE + "pte_mapped_hugepage")
_DIRTY = (_FILE + "page_dirty_or_writeback", _SCANNED_FILE + "page_dirty_or_writeback")

ENDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "nothing": {"anon": ()},
    "copied": {
        "anon": (_ISOLATED, _COLLAPSED, _SCANNED),
        "file K": _BY_KHUGEPAGED,
        "file M": _BY_MADVISE,
        "6.1 file M": (_SCANNED_FILE + "succeeded",),
        "dirty K": _DIRTY,
        "dirty M": _DIRTY + _BY_MADVISE,
    },
    "compound": {"anon": (_ISOLATED, _COLLAPSED, _SCANNED), "file": (_CACHED,)},
    "block": {
        "anon": (
            "mm_collapse_huge_page_isolate none_or_zero=0 status=succeeded order={order}",
            _COLLAPSED + " order={order}",
        )
    },
    "scanned": {"anon": (_SCANNED,)},
    "kept": {
        "anon": (),
        "sizes": (
            "mm_collapse_huge_page_isolate none_or_zero=0 status=pte_mapped_hugepage order={order}",
            "mm_collapse_huge_page isolated=0 status=pte_mapped_hugepage order={order}",
        ),
        "file": (),
    },
    "too_empty": {
        "anon": ("mm_khugepaged_scan_pmd none_or_zero=257 status=exceed_none_pte",),
        "sizes": ("mm_khugepaged_scan_pmd none_or_zero={missing} status=failed",),
        "file": (_SCANNED_FILE + "exceed_none_pte",),
    },
    "swapped_in": {
        "anon": (
            "mm_collapse_huge_page_swapin swapped_in={unmapped} ret=1",
            _ISOLATED,
            _COLLAPSED,
            _SCANNED,
        )
    },
    "too_swapped": {"anon": ("mm_khugepaged_scan_pmd unmapped=65 status=exceed_swap_pte",)},
    "too_shared": {"anon": ("mm_khugepaged_scan_pmd status=exceed_shared_pte",)},
    "small_parent": {
        "anon": (),
        "sizes": (
            "mm_collapse_huge_page_isolate none_or_zero=0 status=exceed_shared_pte order={order}",
            "mm_collapse_huge_page isolated=0 status=exceed_shared_pte order={order}",
            "mm_khugepaged_scan_pmd none_or_zero={none} status=exceed_shared_pte",
        ),
    },
    "huge_parent": {
        "anon K": ("mm_khugepaged_scan_pmd status=page_pmd_mapped",),
        "anon M": (),
    },
    "again": {
        "anon": ("mm_khugepaged_scan_pmd status=page_pmd_mapped",),
        "file": (_CACHED,),
    },
}
"""By name, and by whom they are for: the last words say more than the first ones."""

VALUES = {"none": "0", "referenced": "512", "unmapped": "0", "present": "512"}
"""Fields of which a case says nothing."""


def events(names: str, selectors: list[str], values: dict[str, str]) -> Iterator[str]:
    """The events of ``4*one+two``, for the first selector that an ending knows."""
    for part in names.split("+"):
        count, _, name = part.rpartition("*")
        found = next(ENDINGS[name][key] for key in selectors if key in ENDINGS[name])
        for _ in range(int(count or 1)):
            yield from (line.format(**VALUES | values) for line in found)
