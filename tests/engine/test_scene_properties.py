"""Whatever steps a scene has, the kernel keeps its books."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import example, given, settings

from engine import Machine
from engine.filemap import AddressSpace
from engine.folio import Folio
from engine.madvise import ADVICE
from engine.page_table import HugePmd
from engine.scene import WORDS, Stage
from engine.swap import SwapSlot
from engine.versions import VERSIONS

RANGES = 2
PAGES = RANGES * 512
LEFT_OUT = {"map", "exit", "expect", "meanwhile", "fork", "child", "knob"}
"""Words that are given a place of their own below."""

KNOBS = {
    "enabled": ["always", "madvise", "never"],
    "shmem_enabled": ["always", "within_size", "advise", "never", "deny", "force"],
    "use_zero_page": ["0", "1"],
    "defrag": ["always", "never"],
    "khugepaged/max_ptes_none": ["0", "100", "511"],
    "khugepaged/max_ptes_swap": ["0", "64", "511"],
    "khugepaged/max_ptes_shared": ["0", "256", "511"],
    "khugepaged/pages_to_scan": ["1", "600", "100000"],
    "khugepaged/defrag": ["0", "1"],
    "hugepages-64kB/enabled": ["always", "madvise", "never"],
    "hugepages-2048kB/enabled": ["always", "inherit", "never"],
    "hugepages-64kB/shmem_enabled": ["always", "never"],
}


@st.composite
def values(draw: st.DrawFn, usage: str) -> str:
    """Values for the placeholders of a word."""
    borders = sorted(draw(st.lists(st.integers(0, PAGES - 1), min_size=2, max_size=2)))
    chosen = []
    for part in usage.split()[1:]:
        name = part.strip("[]")
        if "|" in name:
            chosen.append(draw(st.sampled_from(name.split("|"))))
        elif name == "WHAT":
            chosen.append(draw(st.sampled_from(ADVICE)))
        elif name in ("A", "B"):
            chosen.append(str(borders[name == "B"]))
        else:
            chosen.append(str(draw(st.sampled_from([0, 1, 2, 40, 600, PAGES]))))
    return " ".join([usage.split()[0], *chosen])


PLAIN = st.sampled_from(sorted(set(WORDS) - LEFT_OUT)).flatmap(lambda w: values(WORDS[w].usage))
KNOB = st.sampled_from(sorted(KNOBS)).flatmap(
    lambda name: st.sampled_from(KNOBS[name]).map(lambda value: f"knob {name} {value}")
)
INNER = st.one_of(PLAIN, KNOB)
STEP = st.one_of(
    PLAIN,
    KNOB,
    INNER.map(lambda step: f"fork {step}"),
    INNER.map(lambda step: f"child {step}"),
    st.tuples(st.sampled_from(["alloc", "isolate", "copy"]), INNER).map(
        lambda pair: f"meanwhile {pair[0]} {pair[1]}"
    ),
)
KIND = st.sampled_from(["anon", "shmem", "file", "disk", "disk"])
SHARING = st.sampled_from(["", " shared", " private"])


def mapped(machine: Machine) -> tuple[Counter[Folio], set[Folio], int, set[AddressSpace]]:
    """How often page tables map each folio, pages without one, and files that are mapped."""
    folios: Counter[Folio] = Counter()
    slots: Counter[SwapSlot] = Counter()
    plain = 0
    files = set()
    for process in machine.processes.values():
        files |= set(process.mm.files)
        for pmd in process.mm.pmds.values():
            if isinstance(pmd, HugePmd):
                folios[pmd.folio] += not pmd.folio.is_zero
                continue
            plain += pmd.plain(0, 512)
            assert set(pmd.with_objects(0, 512)) == set(pmd.objects)
            assert set(pmd.pages) <= set(pmd.objects)
            for found in pmd.objects.values():
                if isinstance(found, SwapSlot):
                    slots[found] += 1
                else:
                    folios[found] += 1
    for slot, count in slots.items():
        assert slot.count == count
    cached = {slot.folio for slot in slots if slot.folio is not None}
    return +folios, cached, plain, files


def check(machine: Machine, stage: Stage) -> None:
    """The counts that the kernel keeps are those that can be counted."""
    folios, cached, plain, files = mapped(machine)
    for folio, count in folios.items():
        assert folio.mapcount == count
        if folio.mms is not None:
            assert sum(folio.page_mapcounts) + folio.entire_mapcount == count
            assert sum(folio.mms.values()) == count
    for file in {*files, *stage.files.values()}:
        for index, entry in file.pages.items():
            assert entry.index <= index < entry.index + entry.pages
            if isinstance(entry, Folio):
                assert entry.mapping is file
                cached.add(entry)
    pinned = {folio for p in machine.processes.values() for folio in p.mm.pinned}
    zero = 512 * bool(machine.kernel.vmstat["thp_zero_page_alloc"])
    held = sum(folio.pages for folio in {*folios, *cached, *pinned} if not folio.is_zero)
    assert machine.kernel.memory.pages_used == plain + held + zero


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(VERSIONS)), KIND, SHARING, st.lists(STEP, min_size=1, max_size=12))
@example("6.1", "file", " shared", ["meanwhile copy truncate 0", *["advise collapse 0 511"] * 2])
@example(
    "7.3", "disk", " shared", ["read 0 511", "meanwhile copy write 5 5", "advise collapse 0 511"]
)
@example("6.1", "shmem", " private", [*["knob shmem_enabled always"] * 2, "meanwhile copy drop"])
@example(
    "7.3", "shmem", " shared", [*["knob shmem_enabled always"] * 2, "meanwhile copy truncate 9"]
)
def test_books_are_kept(version: str, kind: str, sharing: str, steps: list[str]) -> None:
    machine = Machine(version, workload="idle")
    stage = Stage(machine)
    first = f"map {kind} {RANGES}{'' if kind == 'anon' else sharing}"
    opening = f"write 0 {PAGES - 1}" if len(steps) % 2 else "watch"
    for _ in stage.perform([first, opening, *steps, "khugepaged", "smaps"]):
        check(machine, stage)
    check(machine, stage)
    assert all(value >= 0 for value in machine.kernel.vmstat.values())
