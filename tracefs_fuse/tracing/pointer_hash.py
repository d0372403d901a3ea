"""How ``%p`` hides addresses: a keyed hash of 32 bits, the same for as long as the kernel runs.

Modelled after __ptr_to_hashval() (lib/vsprintf.c).
"""

from __future__ import annotations

import hashlib

_MAX_ERRNO = 4095
_ADDRESSES = 1 << 64

_MOST = 4096
"""Texts that are kept: there is no end of addresses."""


class PointerHash:
    """The hash of one lab: another seed gives other numbers."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"pointer hash {seed}".encode()).digest()
        self._texts: dict[int, str] = {}

    def text(self, address: int) -> str:
        """16 hexadecimal digits; NULL and error pointers (-4095..-1) hide nothing."""
        text = self._texts.get(address)
        if text is None:
            if address == 0 or address >= _ADDRESSES - _MAX_ERRNO:
                return f"{address:016x}"
            data = address.to_bytes(8, "little")
            digest = hashlib.blake2b(data, digest_size=4, key=self._key).hexdigest()
            if len(self._texts) >= _MOST:
                self._texts.clear()
            text = self._texts[address] = f"{digest:0>16}"
        return text
