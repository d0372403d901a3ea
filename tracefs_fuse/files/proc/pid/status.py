"""``status`` and ``statm``: a process in numbers (fs/proc/array.c, fs/proc/task_mmu.c).

Of signals, capabilities and the like the engine knows nothing: there is what an ordinary process of
root has, which leads a session of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine import Machine
from engine.folio import PAGE_SIZE
from engine.mm import MmStruct
from engine.mm_counters import count_pages, page_tables, total_vm
from engine.task import KernelThread, Process
from engine.vma import Vma
from tracefs_fuse.files.proc.versions import version_of
from tracefs_fuse.tracing.cpumask import mask_text

_PAGE_KB = PAGE_SIZE >> 10
_COMM_BYTES = 15
_SIGNALS = "0000000000000000"
_ALL_SIGNALS = "ffffffffffffffff"
_CAPABILITIES = "000001ffffffffff"


def comm_of(process: Process | KernelThread) -> str:
    """The name, one character a byte."""
    return process.comm.encode("utf-8", "surrogateescape")[:_COMM_BYTES].decode("latin-1")


def session_of(process: Process | KernelThread) -> int:
    """The session, and the process group: kernel threads have none."""
    return process.pid if isinstance(process, Process) else 0


def status_text(machine: Machine, process: Process | KernelThread) -> str:
    """proc_pid_status()."""
    version, nodes = version_of(machine), machine.kernel.memory.nodes
    pid, session = str(process.pid), str(session_of(process))
    is_kthread = isinstance(process, KernelThread)
    lines = {
        "Name": comm_of(process).replace("\\", "\\\\").replace("\n", "\\n"),
        "Umask": "0022",
        "State": "S (sleeping)",
        "Tgid": pid,
        "Ngid": "0",
        "Pid": pid,
        "PPid": str(process.parent),
        "TracerPid": "0",
        "Uid": "0\t0\t0\t0",
        "Gid": "0\t0\t0\t0",
        "FDSize": "64",
        "Groups": " ",
        "NStgid": pid,
        "NSpid": pid,
        "NSpgid": session,
        "NSsid": session,
        "Kthread": str(int(is_kthread)),
        **(_memory(process.mm) if process.mm is not None else {}),
        "Threads": "1",
        "SigQ": f"0/{version.most_signals}",
        **dict.fromkeys(("SigPnd", "ShdPnd", "SigBlk"), _SIGNALS),
        "SigIgn": _ALL_SIGNALS if is_kthread else _SIGNALS,
        **dict.fromkeys(("SigCgt", "CapInh"), _SIGNALS),
        **dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), _CAPABILITIES),
        "CapAmb": _SIGNALS,
        "NoNewPrivs": "0",
        "Seccomp": "0",
        "Seccomp_filters": "0",
        "Speculation_Store_Bypass": "not vulnerable",
        "SpeculationIndirectBranch": "always enabled",
        "Cpus_allowed": mask_text(set(range(machine.cpus)), machine.cpus),
        "Cpus_allowed_list": _list(machine.cpus),
        "Mems_allowed": mask_text(set(range(nodes)), version.node_bits or nodes),
        "Mems_allowed_list": _list(nodes),
        "voluntary_ctxt_switches": str(process.task.nvcsw),
        "nonvoluntary_ctxt_switches": "0",
        "x86_Thread_features": "",
        "x86_Thread_features_locked": "",
    }
    if not version.status_kthread:
        for name in ("Kthread", "untag_mask", "x86_Thread_features", "x86_Thread_features_locked"):
            lines.pop(name, None)
    return "".join(f"{name}:\t{value}\n" for name, value in lines.items())


def _list(count: int) -> str:
    return f"0-{count - 1}" if count > 1 else "0"


def _memory(mm: MmStruct) -> dict[str, str]:
    """The lines that are left out where there is no address space."""
    return {
        **{name: f"{pages * _PAGE_KB:>8} kB" for name, pages in _sizes(mm).items()},
        "CoreDumping": "0",
        "THP_enabled": str(int(not mm.is_thp_disabled)),
        "untag_mask": "0xffffffffffffffff",
    }


def _sizes(mm: MmStruct) -> dict[str, int]:
    """task_mem(), in pages."""
    resident, size = count_pages(mm), total_vm(mm)
    stacks = [vma for vma in mm.vmas if vma.name == "[stack]"]
    data = [vma for vma in mm.vmas if vma.writable and not vma.shared and vma not in stacks]
    code = [vma for vma in mm.vmas if vma.executable and not vma.writable and vma not in stacks]
    program = [vma for vma in code if vma.mapping is not None][:1]
    return {
        "VmPeak": max(mm.hiwater_vm, size),
        "VmSize": size,
        "VmLck": _pages(vma for vma in mm.vmas if vma.locked),
        "VmPin": 0,
        "VmHWM": max(mm.hiwater_rss, resident.rss),
        "VmRSS": resident.rss,
        "RssAnon": resident.anon,
        "RssFile": resident.file,
        "RssShmem": resident.shmem,
        "VmData": _pages(data),
        "VmStk": _pages(stacks),
        "VmExe": _pages(program),
        "VmLib": _pages(code) - _pages(program),
        "VmPTE": page_tables(mm),
        "VmSwap": resident.swapped,
        "HugetlbPages": 0,
    }


def _pages(vmas: Iterable[Vma]) -> int:
    return sum(vma.end - vma.start for vma in vmas) // PAGE_SIZE


def statm_text(mm: MmStruct | None) -> str:
    """proc_pid_statm(): size, resident, shared, text, lib, data, dirty: in pages."""
    if mm is None:
        return "0 0 0 0 0 0 0\n"
    sizes = _sizes(mm)
    shared = sizes["RssFile"] + sizes["RssShmem"]
    data = sizes["VmData"] + sizes["VmStk"]
    return f"{sizes['VmSize']} {sizes['VmRSS']} {shared} {sizes['VmExe']} 0 {data} 0\n"
