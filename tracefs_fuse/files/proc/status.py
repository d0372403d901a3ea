"""``status`` and ``statm``: a process in numbers (fs/proc/array.c, fs/proc/task_mmu.c).

Of signals, capabilities and the like the engine knows nothing: there is what an ordinary process of
root has.
"""

from __future__ import annotations

from engine import Machine
from engine.folio import PAGE_SIZE
from engine.machine import Process
from engine.page_table import PageTable
from engine.smaps import Usage, usage_of

_PAGE_KB = PAGE_SIZE >> 10
_SIGNALS = "0000000000000000"
_CAPABILITIES = "000001ffffffffff"


def comm_of(process: Process) -> str:
    """The name, one character a byte."""
    return process.comm.encode("utf-8", "surrogateescape").decode("latin-1")


def status_text(machine: Machine, process: Process) -> str:
    version = machine.kernel.version
    pid = str(process.pid)
    lines = {
        "Name": comm_of(process),
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
        "NSpgid": pid,
        "NSsid": pid,
        **({"Kthread": "0"} if version.status_kthread else {}),
        **{name: f"{size:>8} kB" for name, size in _sizes(process).items()},
        "CoreDumping": "0",
        "THP_enabled": str(int(not process.mm.is_thp_disabled)),
        **({"untag_mask": "0xffffffffffffffff"} if version.status_kthread else {}),
        "Threads": "1",
        "SigQ": "0/7833",
        **dict.fromkeys(("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh"), _SIGNALS),
        **dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), _CAPABILITIES),
        "CapAmb": _SIGNALS,
        "NoNewPrivs": "0",
        "Seccomp": "0",
        "Seccomp_filters": "0",
        "Speculation_Store_Bypass": "not vulnerable",
        "SpeculationIndirectBranch": "always enabled",
        "Cpus_allowed": f"{(1 << machine.cpus) - 1:x}",
        "Cpus_allowed_list": f"0-{machine.cpus - 1}" if machine.cpus > 1 else "0",
        "Mems_allowed": f"{(1 << machine.kernel.memory.nodes) - 1:x}",
        "Mems_allowed_list": _list(machine.kernel.memory.nodes),
        "voluntary_ctxt_switches": "0",
        "nonvoluntary_ctxt_switches": "0",
        **(
            {"x86_Thread_features": "", "x86_Thread_features_locked": ""}
            if version.status_kthread
            else {}
        ),
    }
    return "".join(f"{name}:\t{value}\n" for name, value in lines.items())


def _list(count: int) -> str:
    return f"0-{count - 1}" if count > 1 else "0"


def _sizes(process: Process) -> dict[str, int]:
    """Lines with sizes, in kB."""
    mm = process.mm
    total = _total(process)
    size = {vma: (vma.end - vma.start) >> 10 for vma in mm.vmas}
    stack = sum(kb for vma, kb in size.items() if vma.name == "[stack]")
    private = sum(kb for vma, kb in size.items() if vma.writable and not vma.shared)
    code = sum(kb for vma, kb in size.items() if vma.executable and vma.mapping and not vma.special)
    kernels = sum(kb for vma, kb in size.items() if vma.executable and vma.special)
    tables = sum(isinstance(pmd, PageTable) for pmd in mm.pmds.values())
    shmem = total.rss - total.anonymous - _file_rss(process)
    return {
        "VmPeak": sum(size.values()),
        "VmSize": sum(size.values()),
        "VmLck": sum(kb for vma, kb in size.items() if vma.locked),
        "VmPin": 0,
        "VmHWM": total.rss,
        "VmRSS": total.rss,
        "RssAnon": total.anonymous,
        "RssFile": _file_rss(process),
        "RssShmem": shmem,
        "VmData": private - stack,
        "VmStk": stack,
        "VmExe": code,
        "VmLib": kernels,
        "VmPTE": _PAGE_KB * (tables + len(mm.upper) + 1),
        "VmSwap": total.swap,
        "HugetlbPages": 0,
    }


def _total(process: Process) -> Usage:
    total = Usage()
    for vma in process.mm.vmas:
        total.add(usage_of(process.mm, vma))
    return total


def _file_rss(process: Process) -> int:
    """What is mapped of files that are not shared memory."""
    files = [vma for vma in process.mm.vmas if vma.mapping and not vma.mapping.is_shmem]
    usages = [usage_of(process.mm, vma) for vma in files]
    return sum(usage.rss - usage.anonymous for usage in usages)


def statm_text(machine: Machine, process: Process) -> str:
    """Size, resident, shared, text, lib, data, dirty: in pages."""
    sizes = _sizes(process)
    pages = {name: kb // _PAGE_KB for name, kb in sizes.items()}
    shared = pages["RssFile"] + pages["RssShmem"]
    data = pages["VmData"] + pages["VmStk"]
    return f"{pages['VmSize']} {pages['VmRSS']} {shared} {pages['VmExe']} 0 {data} 0\n"
