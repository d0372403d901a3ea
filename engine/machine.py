"""A machine: a kernel, processes with a life, and virtual time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.fork import dup_mmap
from engine.kernel import Kernel
from engine.mm import MmStruct
from engine.scheduler import Scheduler, Thread
from engine.task import KernelThread, Process, Task
from engine.thp import TransparentHugepage
from engine.tracepoints import Tracepoints
from engine.versions import VERSIONS
from engine.workloads import WORKLOADS

_BOOT = 30_000_000_000
"""Virtual nanoseconds that the machine has been up when a lab begins."""

_INIT_PID = 1
_KTHREADD_PID = 2
_KHUGEPAGED_PID = 41
_NICEST = 19
_FIRST_PID = 700
_ENDLESS = 100_000
"""Steps after which a round of khugepaged is taken for one without end."""


class Machine:
    """Everything that happens in a lab by itself."""

    def __init__(
        self,
        version: str = "6.12",
        cpus: int = 4,
        seed: int = 0,
        workload: str = "article",
        lock: threading.RLock | None = None,
    ) -> None:
        """workload: a key of WORKLOADS."""
        self.lock = lock if lock is not None else threading.RLock()
        self.cpus = cpus
        self.scheduler = Scheduler(_BOOT, Task(0, 0, "swapper"))
        self._khugepaged = Task(_KHUGEPAGED_PID, _KHUGEPAGED_PID, "khugepaged", nice=_NICEST)
        kthreadd = Task(_KTHREADD_PID, _KTHREADD_PID, "kthreadd")
        self.kthreads = {
            _KTHREADD_PID: KernelThread(kthreadd, 0, freezes=False),
            _KHUGEPAGED_PID: KernelThread(self._khugepaged, _KTHREADD_PID, freezes=True),
        }
        """The kernel's own threads, by pid."""

        self.kernel = Kernel(
            VERSIONS[version], self.scheduler.spend, self._migrate_khugepaged, seed
        )
        self.processes: dict[int, Process] = {}
        self.forks = len(self.kthreads)
        """Tasks that were ever made."""

        self.last_pid = _KHUGEPAGED_PID
        """The pid of the latest task."""

        self._next_pid = _FIRST_PID
        self.start(self._khugepaged, self.kernel.khugepaged.run())
        self.remark = WORKLOADS[workload].module.begin(self) or ""
        """What there is to say of the workload when it begins."""

        if _INIT_PID not in self.processes:  # its address takes no other out of turn
            self.spawn("init", MmStruct(self.kernel, 0), _INIT_PID)

    # -- what is seen from outside ---------------------------------------------------------

    @property
    def trace(self) -> Tracepoints:
        return self.kernel.trace

    @property
    def thp(self) -> TransparentHugepage:
        """The knobs."""
        return self.kernel.thp

    @property
    def vmstat(self) -> dict[str, int]:
        """The counters, in the kernel's order."""
        return self.kernel.vmstat

    @property
    def now(self) -> int:
        """Virtual nanoseconds since boot."""
        return self.scheduler.now

    @property
    def current(self) -> Task:
        """The task that runs."""
        task = self.scheduler.current
        assert isinstance(task, Task)
        return task

    def next_due(self) -> int | None:
        """When something happens next by itself."""
        return self.scheduler.next_due()

    def run_until(self, moment: int, budget: float | None = None) -> None:
        """Do what is due until a moment of virtual time.

        budget: seconds of real time after which to return early.
        """
        limit = None if budget is None else time.monotonic() + budget
        scheduler = self.scheduler
        while (due := scheduler.next_due()) is not None and due <= moment:
            scheduler.step()
            if limit is not None and time.monotonic() > limit:
                return
        scheduler.now = max(scheduler.now, moment)

    # -- processes -------------------------------------------------------------------------

    def start(self, task: Task, thread: Thread) -> None:
        """Begin a thread of virtual time."""
        self.scheduler.start(task, thread)

    @contextmanager
    def running(self, task: Task) -> Iterator[None]:
        """Have a task be the one that runs."""
        before, self.scheduler.current = self.scheduler.current, task
        try:
            yield
        finally:
            self.scheduler.current = before

    def settle(self) -> None:
        """Let everybody run who is to run now."""
        for _ in range(_ENDLESS):
            due = self.scheduler.next_due()
            if due is None or due > self.now:
                return
            self.scheduler.step()

    def khugepaged_round(self) -> None:
        """Wake khugepaged, and let it work until it rests again."""
        khugepaged = self.kernel.khugepaged
        before = khugepaged.sleep
        khugepaged.hurry()
        for _ in range(_ENDLESS):
            if khugepaged.sleep not in (None, before):
                return
            self.scheduler.step()

    def _migrate_khugepaged(self) -> None:
        self._khugepaged.cpu = self.kernel.random.randrange(self.cpus)

    def spawn(self, comm: str, mm: MmStruct | None = None, pid: int | None = None) -> Process:
        """Make a process, a child of init, with an empty address space unless one is given.

        pid: of the process; another is taken where a kernel thread has that one.
        """
        process = self._add(comm, mm or self.kernel.make_mm(), _INIT_PID, pid)
        self.trace.sched_process_fork(process.parent, process.pid)
        return process

    def _add(self, comm: str, mm: MmStruct, parent: int, pid: int | None = None) -> Process:
        """Make a process without calling its tracepoint."""
        if pid is None or pid in self.kthreads:
            pid = self._next_pid
            self._next_pid += 1 + self.kernel.random.randrange(5)
        is_init = pid == _INIT_PID
        task = Task(pid, pid, comm, pid % self.cpus, 0 if is_init else self.now)
        process = Process(task, mm, 0 if is_init else parent)
        process.mm.arguments = f"{comm}\0"
        self.processes[pid] = process
        self.forks += 1
        self.last_pid = pid
        return process

    def fork(self, parent: Process) -> Process:
        """fork(2)."""
        child = self._add(parent.comm, self.kernel.make_mm(), parent.pid)
        child.forked = True
        dup_mmap(parent.mm, child.mm)
        self.trace.sched_process_fork(parent.pid, child.pid)
        return child

    def exit(self, process: Process) -> None:
        """exit(2)."""
        del self.processes[process.pid]
        for child in self.processes.values():
            if child.parent == process.pid:
                child.parent = _INIT_PID
        self.kernel.release_mm(process.mm)
        self.trace.sched_process_exit(process.pid)
