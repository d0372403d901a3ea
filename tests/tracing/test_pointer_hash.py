"""What ``%p`` shows."""

from __future__ import annotations

import tracemalloc

import pytest

from tracefs_fuse.tracing.pointer_hash import PointerHash

MM = 0xFFFF_8880_0000_0040


def test_a_hash_has_32_bits_and_is_the_same_each_time() -> None:
    text = PointerHash(1).text(MM)
    assert text == PointerHash(1).text(MM)
    assert len(text) == 16
    assert 0 < int(text, 16) < 1 << 32


def test_addresses_and_seeds_have_hashes_of_their_own() -> None:
    hashes = {PointerHash(seed).text(MM + 64 * n) for seed in range(8) for n in range(8)}
    assert len(hashes) == 64


@pytest.mark.parametrize("address", [0, (1 << 64) - 1, (1 << 64) - 4095])
def test_null_and_errors_are_shown(address: int) -> None:
    assert PointerHash(1).text(address) == f"{address:016x}"


def test_any_number_of_addresses_takes_little_memory() -> None:
    pointers = PointerHash(1)
    tracemalloc.start()
    for number in range(30_000):
        pointers.text(MM + 64 * number)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_just_below_the_errors_is_hashed() -> None:
    assert PointerHash(1).text((1 << 64) - 4096).startswith("00000000")
