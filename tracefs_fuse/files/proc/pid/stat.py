"""``PID/stat``: a process in one line of numbers.

Modelled after do_task_stat() in fs/proc/array.c.  Programs compute nothing in the lab: all time is
time in the kernel, and no signal ever waits.
"""

from __future__ import annotations

from engine.folio import PAGE_SIZE
from engine.mm import MmStruct
from engine.mm_counters import count_pages, total_vm
from engine.task import KernelThread, Process
from tracefs_fuse.files.proc.clock import clock_ticks
from tracefs_fuse.files.proc.pid.status import comm_of, session_of

_PF_FORKNOEXEC, _PF_NOFREEZE = 0x40, 0x8000
_PF_KTHREAD, _PF_RANDOMIZE = 0x200000, 0x400000
_SIGCHLD = 17
_ALL_SIGNALS = 0x7FFFFFFF
_NICE_0 = 20
_NO_LIMIT = (1 << 64) - 1
_STACK_GAP = 8
"""Bytes at the end of a stack; what comes before them is the program's path."""


def pid_stat_text(process: Process | KernelThread, *, may_trace: bool) -> str:
    """The line of a process.

    may_trace: the reader may look into the process, so addresses are not left out.
    """
    task, mm = process.task, process.mm
    minor, major = (mm.faults - mm.major_faults, mm.major_faults) if mm is not None else (0, 0)
    fields = [
        process.pid,
        f"({comm_of(process)})",
        "S",
        process.parent,
        session_of(process),  # the process group
        session_of(process),
        0,  # no terminal,
        -1,  # nor a group in its foreground
        _flags(process),
        *(minor, 0, major, 0),
        *(0, clock_ticks(task.sum_exec_runtime), 0, 0),
        _NICE_0 + task.nice,
        task.nice,
        1,  # thread
        0,
        clock_ticks(task.start_time),
        total_vm(mm) * PAGE_SIZE if mm is not None else 0,
        count_pages(mm).rss if mm is not None else 0,
        _NO_LIMIT,
        *_code(mm, may_trace=may_trace),
        *(0, 0),  # stack and instruction pointers
        *(0, 0, 0 if isinstance(process, Process) else _ALL_SIGNALS, 0),
        int(may_trace),  # it waits
        *(0, 0),
        _SIGCHLD if process.parent or isinstance(process, Process) else 0,
        task.cpu,
        *(0, 0, 0, 0, 0),
        *(_data(mm) if mm is not None and may_trace else [0] * 7),
        0,
    ]
    return " ".join(map(str, fields)) + "\n"


def _flags(process: Process | KernelThread) -> int:
    """task->flags."""
    if isinstance(process, KernelThread):
        return _PF_KTHREAD | _PF_FORKNOEXEC | (0 if process.freezes else _PF_NOFREEZE)
    return _PF_RANDOMIZE | (_PF_FORKNOEXEC if process.forked else 0)


def _code(mm: MmStruct | None, *, may_trace: bool) -> tuple[int, int, int]:
    """start_code, end_code and start_stack."""
    if mm is None:
        return 0, 0, 0
    if not may_trace:
        return 1, 1, 0
    start, end = _range(mm, executable=True)
    return start, end, _strings(mm)[0] & -16


def _data(mm: MmStruct) -> tuple[int, ...]:
    """start_data, end_data, start_brk, and where arguments and environment are."""
    arguments, environment = _strings(mm)
    heap = next((vma.start for vma in mm.vmas if vma.name == "[heap]"), 0)
    return *_range(mm, executable=False), heap, arguments, *(environment,) * 3


def _range(mm: MmStruct, *, executable: bool) -> tuple[int, int]:
    """The program's own code, or its data."""
    for vma in mm.vmas:
        own = vma.mapping is not None and vma.mapping is mm.exe_file
        if own and vma.executable == executable and (executable or vma.writable):
            return vma.start, vma.end
    return 0, 0


def _strings(mm: MmStruct) -> tuple[int, int]:
    """Address of the arguments on the stack, and of the empty environment."""
    stack = next((vma for vma in mm.vmas if vma.name == "[stack]"), None)
    if stack is None or mm.exe_file is None:
        return 0, 0
    environment = stack.end - _STACK_GAP - len(f"{mm.exe_file.path}\0")
    return environment - len(mm.arguments), environment
