"""Physical memory: nobody has a page twice, and what is free is used again."""

from __future__ import annotations

from random import Random

import pytest

from engine.folio import HPAGE_PMD_NR, HPAGE_PMD_ORDER, Folio
from engine.memory import PhysicalMemory


def allocated(memory: PhysicalMemory, order: int) -> Folio:
    folio = memory.allocate(order)
    assert folio is not None
    return folio


@pytest.mark.parametrize("seed", range(5))
def test_no_page_is_had_twice_and_memory_is_bounded(seed: int) -> None:
    random, memory = Random(seed), PhysicalMemory()
    folios: list[Folio] = []
    taken: set[int] = set()
    highest = []
    for phase in range(20):
        for _ in range(100):
            folio = allocated(memory, random.choice((0, 0, 0, 2, 4, HPAGE_PMD_ORDER)))
            pages = set(range(folio.pfn, folio.pfn + folio.pages))
            assert not pages & taken
            assert folio.pfn % folio.pages == 0
            taken |= pages
            folios.append(folio)
        highest.append(max(taken))
        random.shuffle(folios)
        left = 50 if phase % 2 else 0
        for folio in folios[left:]:
            taken -= set(range(folio.pfn, folio.pfn + folio.pages))
            memory.free(folio)
        del folios[left:]
    assert highest[-1] - min(highest) < 100 * HPAGE_PMD_NR


def test_pages_become_a_large_block_again() -> None:
    memory = PhysicalMemory()
    singles = [allocated(memory, 0) for _ in range(HPAGE_PMD_NR)]
    first = min(folio.pfn for folio in singles)
    Random(1).shuffle(singles)
    for folio in singles:
        memory.free(folio)
    assert allocated(memory, HPAGE_PMD_ORDER).pfn == first


def test_frames_become_a_large_block_again_with_those_that_were_lent() -> None:
    memory = PhysicalMemory()
    frames = memory.take_frames(0)
    lent = [Folio(frames + index) for index in (3, 200)]
    memory.give_frames(frames, 1 << 3 | 1 << 200)
    for folio in lent:
        memory.free(folio)
    assert memory.take_frames(0) == frames
