"""Names of the bits of gfp_t, as show_gfp_flags() prints them (include/trace/events/mmflags.h)."""

from __future__ import annotations

_COMPOUND = (
    (0x3DBCCA, "GFP_TRANSHUGE"),
    (0x3DB8CA, "GFP_TRANSHUGE_LIGHT"),
    (0x140CCA, "GFP_HIGHUSER_MOVABLE"),
    (0x100CC2, "GFP_HIGHUSER"),
    (0x100CC0, "GFP_USER"),
    (0x400CC0, "GFP_KERNEL_ACCOUNT"),
    (0xCC0, "GFP_KERNEL"),
    (0xC40, "GFP_NOFS"),
    (0x820, "GFP_ATOMIC"),
    (0xC00, "GFP_NOIO"),
    (0x800, "GFP_NOWAIT"),
    (0x1, "GFP_DMA"),
    (0x4, "GFP_DMA32"),
)
_BITS = (
    (0x2, "__GFP_HIGHMEM"),
    (0x8, "__GFP_MOVABLE"),
    (0x10, "__GFP_RECLAIMABLE"),
    (0x20, "__GFP_HIGH"),
    (0x40, "__GFP_IO"),
    (0x80, "__GFP_FS"),
    (0x100, "__GFP_ZERO"),
    (0x400, "__GFP_DIRECT_RECLAIM"),
    (0x800, "__GFP_KSWAPD_RECLAIM"),
    (0x1000, "__GFP_WRITE"),
    (0x2000, "__GFP_NOWARN"),
    (0x4000, "__GFP_RETRY_MAYFAIL"),
    (0x8000, "__GFP_NOFAIL"),
    (0x10000, "__GFP_NORETRY"),
    (0x20000, "__GFP_MEMALLOC"),
    (0x40000, "__GFP_COMP"),
    (0x80000, "__GFP_NOMEMALLOC"),
    (0x100000, "__GFP_HARDWALL"),
    (0x200000, "__GFP_THISNODE"),
    (0x400000, "__GFP_ACCOUNT"),
)


def gfp_text(flags: int) -> str:
    """Names joined by ``|``; what has no name in hexadecimal."""
    names, left = [], flags
    for mask, name in (*_COMPOUND, *_BITS):
        if left & mask == mask:
            names.append(name)
            left &= ~mask
    if left:
        names.append(f"0x{left:x}")
    return "|".join(names)
