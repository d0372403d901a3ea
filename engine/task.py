"""Tasks: all that can run, and what the scheduler counts of each.

Modelled after struct task_struct (include/linux/sched.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.mm import MmStruct


@dataclass
class Task:
    """A thread; events carry the first four of its fields."""

    pid: int
    tgid: int
    comm: str
    cpu: int = 0
    start_time: int = 0
    """Virtual nanoseconds from boot to its start."""

    nice: int = 0
    sum_exec_runtime: int = 0
    """Virtual nanoseconds that it has run; all of them in the kernel."""

    nvcsw: int = 0
    """Times that it went to sleep by itself."""


@dataclass(eq=False)
class Process:
    """One emulated process."""

    task: Task
    mm: MmStruct
    parent: int
    """The pid of its parent, or of the one that adopted it; 0 for none."""

    forked: bool = False
    """It runs its parent's program: PF_FORKNOEXEC."""

    @property
    def pid(self) -> int:
        return self.task.pid

    @property
    def comm(self) -> str:
        return self.task.comm

    @property
    def is_alive(self) -> bool:
        """It has not ended."""
        return self.mm.users > 0


@dataclass(eq=False)
class KernelThread:
    """A process of the kernel, which has no address space and never ends (kernel/kthread.c)."""

    task: Task
    parent: int
    """The pid of kthreadd, which makes all others; 0 for kthreadd."""

    freezes: bool
    """It stops when the machine is suspended: PF_NOFREEZE is not set."""

    mm = None
    is_alive = True

    @property
    def pid(self) -> int:
        return self.task.pid

    @property
    def comm(self) -> str:
        return self.task.comm
