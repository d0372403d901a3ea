"""The events of khugepaged (include/trace/events/huge_memory.h), for each kernel version."""

from __future__ import annotations

from tracefs_fuse.tracing.events import EventDefinition
from tracefs_fuse.tracing.print_fmt import Argument, PrintFmt, number, string, symbolic

SYSTEM = "huge_memory"

_FIRST_STATUS = ("failed", "succeeded")
_LIMIT_STATUS = (
    "page_pmd_mapped",
    "exceed_none_pte",
    "exceed_swap_pte",
    "exceed_shared_pte",
    "pte_non_present",
    "pte_uffd_wp",
    "pte_mapped_hugepage",
)
_PAGE_STATUS = (
    "lack_referenced_page",
    "page_null",
    "scan_aborted",
    "not_suitable_page_count",
    "page_not_in_lru",
    "page_locked",
    "page_not_anon",
)
_LATER_STATUS = (
    "page_compound",
    "no_process_for_page",
    "vma_null",
    "vma_check_failed",
    "not_suitable_address_range",
    "could_not_delete_page_from_lru",
    "alloc_huge_page_failed",
    "ccgroup_charge_failed",
    "truncated",
    "page_has_private",
    "store_failed",
)
_COPY_STATUS = ("copy_poisoned_page", "page_filled")
_OLD_PMD = ("pmd_null", "pmd_none")

_NO_IDS: dict[str, tuple[int, int]] = {}
_BTF_IDS = {
    "6.1": _NO_IDS,
    "6.12": _NO_IDS,
    "6.18": _NO_IDS,
    "7.3": {
        "mm_collapse_huge_page": (30122, 114852),
        "mm_collapse_huge_page_isolate": (30123, 114853),
        "mm_collapse_huge_page_swapin": (30124, 114854),
        "mm_khugepaged_collapse_file": (30136, 114866),
        "mm_khugepaged_scan": (30137, 114867),
        "mm_khugepaged_scan_file": (30138, 114868),
        "mm_khugepaged_scan_pmd": (30139, 114869),
    },
}
"""BTF ids in Debian's linux-image-7.3.4+deb13-cloud-amd64, by version and event."""

STATUS = {
    version: dict(enumerate(name for part in parts for name in part))
    for version, parts in {
        "6.1": (
            _FIRST_STATUS,
            _OLD_PMD,
            _LIMIT_STATUS,
            ("no_writable_page",),
            _PAGE_STATUS,
            _LATER_STATUS,
        ),
        "6.12": (
            _FIRST_STATUS,
            _OLD_PMD,
            _LIMIT_STATUS,
            ("no_writable_page",),
            _PAGE_STATUS,
            _LATER_STATUS,
            _COPY_STATUS,
        ),
        "6.18": (
            _FIRST_STATUS,
            _OLD_PMD,
            _LIMIT_STATUS,
            _PAGE_STATUS,
            _LATER_STATUS,
            _COPY_STATUS,
        ),
        "7.3": (
            _FIRST_STATUS,
            ("no_pte_table",),
            _LIMIT_STATUS,
            _PAGE_STATUS,
            ("page_lazyfree",),
            _LATER_STATUS,
            _COPY_STATUS,
            ("page_dirty_or_writeback",),
        ),
    }.items()
}
"""enum scan_result by number: the names that the events print (SCAN_STATUS)."""

_FIRST_ID = {"6.1": 547, "6.12": 627, "6.18": 712, "7.3": 612}
"""The id of the first event, by version.  Ids depend on how a kernel is built."""

ARTICLE_FIRST_ID = {"6.12": 684}
"""The id of the first event on the machine of the article that the lab's default follows."""

_MM = ("struct mm_struct *", "mm")
_FILENAME = ("__data_loc char[]", "filename")
_WRITABLE_VERSIONS = ("6.1", "6.12")
_ORDER_VERSIONS = ("7.3",)

_Item = tuple[str, Argument]
"""Label with conversion, and the argument it prints."""


def _event(
    name: str, fields: list[tuple[str, str]], items: list[_Item]
) -> tuple[str, list[tuple[str, str]], PrintFmt]:
    template = ", ".join(label for label, _ in items)
    return name, fields, PrintFmt(template, tuple(argument for _, argument in items))


def definitions(version: str, first_id: int | None = None) -> list[EventDefinition]:
    """The events of a kernel version, in the order of their ids.

    first_id: the id of the first one; by default that of the recorded kernels.
    """
    status_names = STATUS[version]
    writable = [("bool", "writable")] if version in _WRITABLE_VERSIONS else []
    writable_item: list[_Item] = [("writable=%d", number("writable"))] if writable else []
    order = [("unsigned int", "order")] if version in _ORDER_VERSIONS else []
    order_item: list[_Item] = [("order=%u", number("order"))] if order else []

    mm: _Item = ("mm=%p", number("mm"))
    scan_pfn: _Item = ("scan_pfn=0x%lx", number("pfn"))
    filename: _Item = ("filename=%s", string("filename"))
    status: _Item = ("status=%s", symbolic("status", status_names))
    result: _Item = ("result=%s", symbolic("result", status_names))

    def ints(*names: str) -> list[tuple[str, str]]:
        return [("int", name) for name in names]

    def decimals(*names: str) -> list[_Item]:
        return [(f"{name}=%d", number(name)) for name in names]

    events = [
        _event(
            "mm_khugepaged_scan",
            [_MM, ("unsigned int", "progress"), ("bool", "full_scan_finished")],
            [mm, ("progress=%u", number("progress")), *decimals("full_scan_finished")],
        ),
        _event(
            "mm_khugepaged_collapse_file",
            [
                _MM,
                ("unsigned long", "hpfn"),
                ("unsigned long", "index"),
                ("unsigned long", "addr"),
                ("bool", "is_shmem"),
                _FILENAME,
                *ints("nr", "result"),
            ],
            [
                mm,
                ("hpage_pfn=0x%lx", number("hpfn")),
                ("index=%ld", number("index")),
                ("addr=%lx", number("addr")),
                *decimals("is_shmem"),
                filename,
                *decimals("nr"),
                result,
            ],
        ),
        _event(
            "mm_khugepaged_scan_file",
            [
                _MM,
                ("unsigned long", "pfn"),
                _FILENAME,
                *ints("present", "swap", "result"),
            ],
            [mm, scan_pfn, filename, *decimals("present", "swap"), result],
        ),
        _event(
            "mm_collapse_huge_page_swapin",
            [_MM, *ints("swapped_in", "referenced", "ret"), *order],
            [mm, *decimals("swapped_in", "referenced", "ret"), *order_item],
        ),
        _event(
            "mm_collapse_huge_page_isolate",
            [
                ("unsigned long", "pfn"),
                *ints("none_or_zero", "referenced"),
                *writable,
                *ints("status"),
                *order,
            ],
            [
                scan_pfn,
                *decimals("none_or_zero", "referenced"),
                *writable_item,
                status,
                *order_item,
            ],
        ),
        _event(
            "mm_collapse_huge_page",
            [_MM, *ints("isolated", "status"), *order],
            [mm, *decimals("isolated"), status, *order_item],
        ),
        _event(
            "mm_khugepaged_scan_pmd",
            [
                _MM,
                ("unsigned long", "pfn"),
                *writable,
                *ints("referenced", "none_or_zero", "status", "unmapped"),
            ],
            [
                mm,
                scan_pfn,
                *writable_item,
                *decimals("referenced", "none_or_zero"),
                status,
                *decimals("unmapped"),
            ],
        ),
    ]
    absent = {
        "6.1": {"mm_khugepaged_scan", "mm_khugepaged_collapse_file"},
        "6.12": {"mm_khugepaged_scan"},
        "6.18": {"mm_khugepaged_scan"},
        "7.3": set[str](),
    }[version]
    present = [event for event in events if event[0] not in absent]
    if first_id is None:
        first_id = _FIRST_ID[version]
    return [
        EventDefinition(
            SYSTEM,
            name,
            first_id + position,
            tuple(fields),
            print_fmt,
            _BTF_IDS[version].get(name),
        )
        for position, (name, fields, print_fmt) in enumerate(present)
    ]
