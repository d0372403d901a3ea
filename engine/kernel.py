"""What all address spaces share: memory, knobs, counters, tracepoints, khugepaged."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from engine import vmstat
from engine.effort import FAULT, Effort
from engine.folio import HPAGE_PMD_ORDER, Folio
from engine.khugepaged import Khugepaged
from engine.memcg import MemCgroup
from engine.memory import PhysicalMemory
from engine.mm import MmStruct
from engine.swap import SwapSlot
from engine.thp import TransparentHugepage
from engine.tracepoints import make_tracepoints
from engine.versions import EngineVersion

_MM_BASE = 0xFFFF888100000000
_MM_SIZE = 0x540
_MM_SLOTS = 1 << 20
_FIRST_INODE = 2


class Kernel:
    """One machine's kernel, as far as huge pages are concerned."""

    def __init__(
        self,
        version: EngineVersion,
        spend: Callable[[int], None],
        migrate: Callable[[], None],
        seed: int = 0,
    ) -> None:
        """spend: lets virtual nanoseconds pass for work that is done.

        migrate: khugepaged may wake on another CPU.
        """
        self.version = version
        self.spend = spend
        self.random = random.Random(seed)
        self.memory = PhysicalMemory(self.count)
        self.thp = TransparentHugepage(version)
        self.vmstat = dict.fromkeys(vmstat.names(version), 0)
        self.cgroups: dict[str, MemCgroup] = {}
        """The memory cgroups below the root, by name."""

        self.trace = make_tracepoints()
        self.khugepaged = Khugepaged(self, migrate)
        self.failing: set[str] = set()
        """What fails when it is tried (fault injection)."""

        self.meanwhile: Callable[[str], None] = _nothing
        """Called where a collapse has let go of its locks, with the name of the place."""

        self._inodes = itertools.count(_FIRST_INODE)
        self._huge_zero: Folio | None = None
        self._addresses: set[int] = set()
        self._given_back: list[int] = []
        """Addresses of address spaces that are no more; the last one is taken first."""

    def restore(self) -> None:
        """Let memory be plenty again, and nothing fail."""
        self.failing.clear()
        self.meanwhile = _nothing
        self.memory.limit = self.memory.fragmentation = None
        self.memory.reclaims_locally = False

    # -- counters --------------------------------------------------------------------------

    def count(self, name: str, by: int = 1, memcg: MemCgroup | None = None) -> None:
        """count_vm_event(), or a gauge of zones and nodes.

        memcg: the cgroup that counts it too (count_memcg_events() in mm/memcontrol.c).
        """
        self.vmstat[name] += by
        if memcg is not None:
            memcg.vmstat[name] += by

    def count_size(self, order: int, name: str, by: int = 1) -> None:
        """count_mthp_stat()."""
        stats = self.thp.sizes[order].stats
        stats[name] = stats.get(name, 0) + by

    def count_split(self, order: int, *, failed: bool) -> None:
        """A large folio was, or could not be, split."""
        if order == HPAGE_PMD_ORDER:
            self.count("thp_split_page_failed" if failed else "thp_split_page")
        self.count_size(order, "split_failed" if failed else "split")

    def count_swap_out(self, folio: Folio) -> None:
        """count_swpout_vm_event(): a folio was written to swap in one piece."""
        self.count("pswpout", folio.pages, folio.memcg)
        if folio.order == HPAGE_PMD_ORDER:
            self.count("thp_swpout", 1, folio.memcg)
        if folio.order:
            self.count_size(folio.order, "swpout")

    # -- pages -----------------------------------------------------------------------------

    def allocate_anon(self, mm: MmStruct, order: int, effort: Effort = FAULT) -> Folio | None:
        """A folio for anonymous memory of an address space, charged to its cgroup."""
        folio = self.allocate_charged(mm, order, effort)
        if folio is not None and order:
            self.count_size(order, "nr_anon")
        return folio

    def allocate_charged(self, mm: MmStruct, order: int, effort: Effort = FAULT) -> Folio | None:
        """A folio, charged to the cgroup of an address space; None where there is no room."""
        folio = self.memory.allocate(order, mm.node, effort)
        if folio is not None and not self.charge(folio, mm, effort):
            self.memory.free(folio)
            return None
        return folio

    def charge(self, folio: Folio, mm: MmStruct, effort: Effort) -> bool:
        """mem_cgroup_charge(): False when the cgroup's limit is reached."""
        if not self.charge_pages(mm, folio.pages, effort):
            return False
        folio.memcg = mm.memcg
        return True

    def charge_pages(self, mm: MmStruct, pages: int, effort: Effort = FAULT) -> bool:
        """try_charge(): the same for pages that have no folio."""
        if mm.memcg is None:
            return True
        return mm.memcg.charge(pages, effort.charges or self.version.counts_refused_at_once)

    def put_folio(self, folio: Folio) -> None:
        """folio_put(): free it when nobody refers to it any more."""
        if folio.mapcount or folio.pins or folio.mapping is not None or folio.swapcache:
            return
        if folio.order and not folio.is_zero:
            self.forget_large(folio)
        self.free_folio(folio)

    def free_folio(self, folio: Folio) -> None:
        """Give back a folio that was never mapped or cached, or is no more."""
        if folio.memcg is not None:
            folio.memcg.uncharge(folio.pages)
        self.memory.free(folio)

    def forget_large(self, folio: Folio) -> None:
        """A large folio is no more: take it out of the gauges of its size."""
        if folio.anon:
            self.count_size(folio.order, "nr_anon", -1)
        if folio.deferred_split:
            folio.deferred_split = False
            self.count_size(folio.order, "nr_anon_partially_mapped", -1)

    def defer_split(self, folio: Folio) -> None:
        """deferred_split_folio(): some page of it was unmapped."""
        if folio.deferred_split:
            return
        folio.deferred_split = True
        if folio.order == HPAGE_PMD_ORDER:
            self.count("thp_deferred_split_page")
        self.count_size(folio.order, "split_deferred")
        self.count_size(folio.order, "nr_anon_partially_mapped")

    def huge_zero(self) -> Folio | None:
        """mm_get_huge_zero_folio(): made when it is first needed; None when memory is short."""
        if self._huge_zero is None:
            folio = self._huge_zero = self.memory.allocate(HPAGE_PMD_ORDER, zone="normal")
            if folio is None:
                self.count("thp_zero_page_alloc_failed")
                return None
            folio.is_zero = True
            folio.pins = 1
            self.count("thp_zero_page_alloc")
        return self._huge_zero

    def put_swap(self, slot: SwapSlot) -> None:
        """swap_free(): an entry refers to it no more."""
        slot.count -= 1
        if slot.count:
            return
        self.memory.swap += 1
        if slot.folio is not None:
            slot.folio.swapcache = False
            self.put_folio(slot.folio)

    def next_inode(self) -> int:
        """The number of a file that is new."""
        return next(self._inodes)

    # -- address spaces --------------------------------------------------------------------

    def make_mm(self) -> MmStruct:
        """An empty address space at an address of its own."""
        address = self._given_back.pop() if self._given_back else self._new_address()
        return MmStruct(self, address)

    def _new_address(self) -> int:
        while True:
            address = _MM_BASE + self.random.randrange(_MM_SLOTS) * _MM_SIZE // 64 * 64
            if address not in self._addresses:
                self._addresses.add(address)
                return address

    def release_mm(self, mm: MmStruct) -> None:
        """mmput() by the last user of an address space."""
        mm.users = 0
        self.khugepaged.exit(mm)
        for vma in mm.vmas:
            mm.zap(vma.start, vma.end)
        mm.vmas.clear()
        for folio in mm.pinned:
            folio.pins -= 1
            self.put_folio(folio)
        mm.pinned.clear()
        for file in list(mm.files):
            file.close(mm)
        for base in list(mm.pmds):
            mm.drop_table(base)
        if not mm.registered:
            self.drop_mm(mm)

    def drop_mm(self, mm: MmStruct) -> None:
        """mmdrop(): nobody refers to an address space any more, so its place is free."""
        self._given_back.append(mm.address)


def _nothing(place: str) -> None:
    """What happens meanwhile, unless somebody says otherwise: nothing."""
