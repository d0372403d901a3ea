"""``stat``, ``uptime``, ``loadavg`` and ``cpuinfo``: the machine as a whole.

Modelled after fs/proc/stat.c, fs/proc/uptime.c, fs/proc/loadavg.c and, for x86, show_cpuinfo() in
arch/x86/kernel/cpu/proc.c.  Nothing interrupts a CPU of
the lab, and nothing but the kernel uses one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from engine import Machine
from tracefs_fuse.files.proc.clock import TICKS_PER_SECOND, clock_ticks

_SECOND = 1_000_000_000
_VECTORS = 256
_IRQS, _IRQS_OF_CPU = 424, 8
_SOFTIRQS = 10


def stat_of(machine: Machine) -> Callable[[], str]:
    """Make the function for the text of ``stat``; boot time is the present less the clock."""
    booted = int(time.time()) - machine.now // _SECOND

    def text() -> str:
        scheduler, now = machine.scheduler, machine.now
        busy = [scheduler.busy.get(cpu, 0) for cpu in range(machine.cpus)]
        idle = [max(0, now - time) for time in busy]
        irqs = min(_VECTORS * machine.cpus, _IRQS + _IRQS_OF_CPU * machine.cpus)
        return "".join(
            [
                f"cpu  {_times(sum(busy), sum(idle))}\n",
                *(f"cpu{n} {_times(*of)}\n" for n, of in enumerate(zip(busy, idle, strict=True))),
                f"intr 0{' 0' * irqs}\n",
                f"ctxt {scheduler.switches}\n",
                f"btime {booted}\n",
                f"processes {machine.forks}\n",
                "procs_running 1\n",
                "procs_blocked 0\n",
                f"softirq 0{' 0' * _SOFTIRQS}\n",
            ]
        )

    return text


def _times(system: int, idle: int) -> str:
    """The columns user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice."""
    return f"0 0 {clock_ticks(system)} {clock_ticks(idle)} 0 0 0 0 0 0"


def uptime_text(machine: Machine) -> str:
    """Seconds since boot, and seconds that the CPUs were idle."""
    busy = sum(machine.scheduler.busy.values())
    return f"{_seconds(machine.now)} {_seconds(max(0, machine.now * machine.cpus - busy))}\n"


def _seconds(nanoseconds: int) -> str:
    seconds, ticks = divmod(clock_ticks(nanoseconds), TICKS_PER_SECOND)
    return f"{seconds}.{ticks:02}"


def loadavg_text(machine: Machine) -> str:
    """Tasks sleep whenever they are counted, each five seconds, so the load is none; the reader
    itself runs.
    """
    tasks = len(machine.processes) + len(machine.kthreads)
    return f"0.00 0.00 0.00 1/{tasks} {machine.last_pid}\n"


def cpuinfo_text(machine: Machine) -> str:
    """The numbers of the CPUs, by which clients count them; the lab knows no more of a CPU."""
    return "".join(f"processor\t: {cpu}\n\n" for cpu in range(machine.cpus))
