"""The cases of tools/testing/selftests/mm/khugepaged.c, as scripts.

A script has the words of scenes, and besides them, for what depends on how and of what kind of
memory a case is played:

=========================== ======================================================================
``setup N``                 map N huge ranges, of which nothing is touched
``fault A B``               touch pages
``fresh N``                 where the version's test does so: the same anew
``alloc``                   one range that MADV_COLLAPSE made a huge page
``lend N``                  N huge pages at page N, one after the other; the first page of each is
                            moved before those of the others
``[child] collapse N yes``  N huge pages are not there before, and are there afterwards
``[child] collapse N no``   they are not there afterwards
``again N``                 MADV_COLLAPSE of what is huge already
``retract``                 khugepaged collapses a range, which nobody touches afterwards
=========================== ======================================================================

After ``yes``, ``no`` and ``retract`` there are the names of the events, which are in
:data:`tests.engine.functional.endings.ENDINGS` (``4*one+two``: four times one, then two), and
values of their fields.  A line is only for those ways of collapsing whose letters are before its
colon.  Values in braces are those of :attr:`tests.engine.functional.plays.Play.numbers`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One function of the test, for all ways and kinds it is called with."""

    name: str
    ways: str
    """Letters of :class:`tests.engine.functional.plays.Way`."""

    memory: str
    """Letters: A anonymous; S shared; of files R read only, P read, W written."""

    script: str
    on_tmpfs: bool = True
    """Files may be on a tmpfs."""


CASES = (
    Case(
        "alloc_at_fault",
        "-",
        "A",
        """
        knob enabled always
        setup 1
        write 0 0
        expect 1
        advise dontneed 0 0
        expect 0
        """,
    ),
    Case(
        "collapse_full",
        "KM",
        "ARPWS",
        """
        setup 4
        fault 0 2047
        collapse 4 yes 4*copied
        """,
    ),
    Case(
        "collapse_full",
        "T",
        "A",
        """
        setup 1
        fault 0 511
        collapse {blocks} yes {blocks}*block+scanned
        """,
    ),
    Case(
        "collapse_empty",
        "KMT",
        "A",
        """
        setup 1
        collapse 1 no nothing errno=EINVAL
        """,
    ),
    Case(
        "collapse_single_mthp",
        "T",
        "A",
        """
        setup 1
        fault 0 {last_of_block}
        collapse 1 yes block+scanned none={but_a_block} referenced={block}
        """,
    ),
    Case(
        "collapse_single_pte_entry",
        "KM",
        "ARPWS",
        """
        setup 1
        fault 0 0
        collapse 1 yes copied none={but_one} referenced={one} present={one}
        """,
    ),
    Case(
        "collapse_max_ptes_none",
        "KM",
        "ARPW",
        """
        knob khugepaged/max_ptes_none 256
        setup 1
        fault 0 {last_of_too_few}
        K: collapse 1 no {blocks_there}*kept+too_empty missing={missing} present={too_few}
        M: collapse 1 yes copied none={missing} referenced={too_few} present={too_few}
        K: fresh 1
        K: fault 0 255
        K: collapse 1 yes copied none=256 referenced=256 present=256
        """,
        on_tmpfs=False,
    ),
    Case(
        "collapse_single_pte_entry_compound",
        "KM",
        "ARP",
        """
        alloc
        advise nohugepage 0 511
        advise dontneed 1 511
        collapse 1 yes compound none=511 referenced=1
        """,
        on_tmpfs=False,
    ),
    Case(
        "collapse_full_of_compound",
        "KM",
        "ARPS",
        """
        alloc
        advise nohugepage 0 0
        advise nohugepage 0 511
        collapse 1 yes compound
        """,
    ),
    Case(
        "collapse_compound_extreme",
        "KM",
        "A",
        """
        setup 4
        unmap 0 511
        unmap 1024 2047
        lend 512
        unmap 512 1023
        write 0 511
        collapse 1 yes copied
        """,
    ),
    Case(
        "collapse_swapin_single_pte",
        "KM",
        "A",
        """
        swap on
        setup 1
        fault 0 511
        advise pageout 0 0
        collapse 1 yes swapped_in unmapped=1 referenced=511
        """,
    ),
    Case(
        "collapse_max_ptes_swap",
        "KM",
        "A",
        """
        swap on
        setup 1
        fault 0 511
        advise pageout 0 64
        K: collapse 1 no too_swapped unmapped=65
        M: collapse 1 yes swapped_in unmapped=65
        K: fault 0 511
        K: advise pageout 0 63
        K: collapse 1 yes swapped_in unmapped=64 referenced=448
        """,
    ),
    Case(
        "collapse_fork",
        "KM",
        "A",
        """
        setup 1
        fault 0 0
        expect 0
        fork write 1 1
        child collapse 1 yes small_parent+copied none={but_two} referenced=1
        expect 0
        """,
    ),
    Case(
        "collapse_fork_compound",
        "KM",
        "A",
        """
        alloc
        fork idle
        child expect 1
        child advise nohugepage 0 0
        child advise nohugepage 0 511
        child write 0 0
        knob khugepaged/max_ptes_shared 511
        child collapse 1 yes huge_parent+copied referenced=1
        expect 1
        """,
    ),
    Case(
        "collapse_max_ptes_shared",
        "KM",
        "A",
        """
        alloc
        fork idle
        child expect 1
        child write 0 254
        K: child collapse 1 no huge_parent+too_shared
        M: child collapse 1 yes copied
        K: child write 255 255
        K: child collapse 1 yes huge_parent+copied referenced=256
        expect 1
        """,
    ),
    Case(
        "madvise_collapse_existing_thps",
        "M",
        "ARPS",
        """
        setup 1
        fault 0 511
        collapse 1 yes copied
        again 1
        """,
    ),
    Case(
        "madvise_retracted_page_tables",
        "M",
        "RPS",
        """
        setup 1
        fault 0 511
        retract copied
        collapse 1 yes compound
        """,
    ),
)
