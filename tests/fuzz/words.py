"""Commands that kernels know, which the generator writes as they are or damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.request import TRACING, kind_of

_CONFORMANCE = Path(__file__).parents[1] / "conformance"
_KEPT = 40
"""Requests of a case that are played; some cases make an event happen many times."""

WORDS: dict[str, tuple[str, ...]] = {
    "knob": (
        *("always", "madvise", "never", "defer", "defer+madvise", "within_size", "advise", "deny"),
        *("force", "inherit", "0", "1", "2", "511", "512", "4096", "-1", "y", "n", "on", "off"),
        *("4294967295", "4294967296", "18446744073709551616", " 1", "1 2", "+1", "0x10", "enable"),
    ),
    "option": ("0", "1", "2", "-1", "", "yes", "1 0", "\n"),
    "enable": ("0", "1", "2", "", "1\n0", "x"),
    "tracing_on": ("0", "1", "2", "99999999999999999999", "x"),
    "buffer_size_kb": (
        *("1", "4", "8", "1408", "0", "64", "100000000", "18446744073709551615", "-5", "x"),
    ),
    "buffer_subbuf_size_kb": ("4", "8", "512", "513", "0", "1", "3", "1048576", "-4"),
    "buffer_percent": ("0", "50", "100", "101", "x"),
    "saved_cmdlines_size": ("1", "128", "0", "99999999999", "4096", "x", "2147483647"),
    "syscall_user_buf_size": ("0", "1", "165", "166", "x"),
    "tracing_cpumask": ("1", "3", "0", "f", "", "00000000,00000001", "100000000", "g", "1,"),
    "tracing_thresh": ("0", "7", "x", "18446744073709551615"),
    "tracing_max_latency": ("0", "7", "x", "18446744073709551615"),
    "current_tracer": ("nop", "function", "", "nop \n", "blk"),
    "trace_clock": (
        *("local", "global", "counter", "uptime", "perf", "mono", "mono_raw", "boot", "tai"),
        *("x86-tsc", "", "nosuch", " mono \n"),
    ),
    "trace_options": ("raw", "noraw", "stacktrace", "nostacktrace", "overwrite", "nooverwrite"),
    "set_event": (
        *("huge_memory", "!huge_memory", "huge_memory:", "*:*", "!*:*", "huge_memory:*"),
        *("mm_khugepaged_scan_pmd", "huge_memory:mm_khugepaged_scan", "synthetic", "nosuch"),
        *("huge_memory nosuch", "nosuch huge_memory", ":mod:m", "!:mod:m", "*:mod:m", "a:b:mod:c"),
        *("ftrace", "!", ":", "::", "ftrace:print", "!nosuch", "x" * 127, "x" * 128),
    ),
    "set_event_pid": ("1", "1 2 3", "0", "-1", "x", "1 x", "1073741823", "1073741824", ""),
    "set_ftrace_filter": ("", " ", "schedule", "*", "!x", "x:traceon"),
    "set_ftrace_pid": ("1", "1 2", "x", "", "1073741824"),
    "snapshot": ("0", "1", "2", "-1", "x", ""),
    "trace_marker": ("hello", "hello\n", "", "\n", "x" * 5000, "%s%n%p"),
    "trace_marker_raw": ("\1\0\0\0abc", "abc", "\1\0\0\0", "\xff\xff\xff\xff" + "x" * 4000),
    "synthetic_events": (
        *("syn s32 a; unsigned int b; u64 c", "two int d; unsigned long p", "!syn", "!two"),
        *("str char s[16]; char t[]", "str char s[]; char t[]; char u[]", "!str", "bad-name int a"),
        *("syn s32 a\ntwo int d", "syn nosuch a", "e;f;", "none", "# comment", "syn  int  a ;"),
    ),
    "dynamic_events": (
        *("s:syn s32 a", "s:synthetic/two int d", "-:syn", "-:synthetic/two", "!s:syn", "-:"),
        *("p:probe do_sys_open", "e:ev huge_memory/mm_khugepaged_scan", "f:x y", "s:other/x int a"),
    ),
    "inject": (
        *("", "pfn=5 status=1", "mm=0xffff888000000040", "nosuch=1", "pfn=", "writable=1 x"),
        *('filename="a b"', "filename='a'", "buf=1", "status=-1", "pfn=99999999999999999999"),
    ),
    "filter": (
        *(
            "0",
            "none",
            "status == 1",
            "common_pid != 0 && !(status == 2)",
            "pfn & 1",
            "comm ~ 'k*'",
        ),
        *(
            'filename == "a"',
            "status == SCAN_SUCCEED",
            "((",
            "",
            "cpu & CPUS{0-1}",
            "status ==",
            "x",
        ),
    ),
    "trigger": (
        *(
            "traceon",
            "traceoff:3",
            "snapshot",
            "stacktrace:1 if status > 1",
            "!traceon",
            "!traceoff",
        ),
        *("enable_event:huge_memory:mm_khugepaged_scan:2", "!stacktrace", "traceoff:0", "nosuch"),
        *("disable_event:huge_memory:mm_collapse_huge_page if mm > 0", "hist", "!hist", ""),
        *("enable_event:synthetic:syn", "!enable_event:synthetic:syn", "traceon:1:2"),
        *(
            "hist:keys=status",
            "hist:keys=status:vals=pfn:sort=pfn.descending:size=512",
            "!snapshot",
        ),
        *("hist:keys=status:pause", "hist:keys=status:clear", "!hist:keys=status"),
        *("hist:name=n:keys=status", "hist:name=n", "!hist:name=n", "hist:name=n:keys=pfn:pause"),
        *(
            "hist:keys=common_pid:x=pfn",
            "hist:keys=common_pid:y=$x",
            "hist:keys=common_pid:x=pfn-$x",
        ),
        "hist:keys=mm:onmatch(huge_memory.mm_khugepaged_scan_pmd).trace(syn,status,status,pfn)",
        "hist:keys=mm:onmatch(huge_memory.mm_khugepaged_scan_pmd).syn(status,status,pfn)",
        "hist:keys=mm:m=status:onmax($m).save(pfn,status)",
        "hist:keys=mm:m=status:onchange($m).snapshot()",
        "hist:keys=common_stacktrace,comm,cpu:s=common_timestamp.usecs:clock=mono",
        "hist:keys=pfn.log2,mm.hex:vals=hitcount,status.percent if status < 4",
        *("enable_hist:huge_memory:mm_khugepaged_scan_pmd", "disable_hist:huge_memory:"),
        *("!enable_hist:huge_memory:mm_khugepaged_scan_pmd", "hist:keys=nosuch", "hist:keys="),
    ),
}
"""By kind of file."""

_LIKE = {
    "proc": "knob",
    "set_event_notrace_pid": "set_event_pid",
    "set_ftrace_notrace": "set_ftrace_filter",
    "set_ftrace_notrace_pid": "set_ftrace_pid",
}

NUMBERS = (
    *("0", "1", "-1", "127", "128", "255", "256", "4095", "4096", "65536", "2147483647"),
    *("2147483648", "-2147483648", "4294967295", "4294967296", "9223372036854775807"),
    *("9223372036854775808", "18446744073709551615", "18446744073709551616", "0x", "0xfg", "1e9"),
    "9" * 5000,
)
PIECES = (
    *("\0", "\xff", "\xc3\x28", "\x80", "\n", "\r", "\t", " ", "  ", "\v", "\x1b", "\x7f", "\xa0"),
    *("'", '"', "\\", "%s", "%n", "$", "$x", "*", "?", "[", "]", "!", "#", ";", ",", ":", "=", "."),
    *(
        "&&",
        "||",
        "(",
        ")",
        "~",
        "==",
        "<",
        ">=",
        "{",
        "}",
        "if",
        " if ",
        "hist:",
        "keys=",
        "vals=",
    ),
    *("sort=", "size=", "name=", ".hex", ".log2", ".buckets=", "onmatch(", "onmax(", "save(", "-"),
    *("trace(", "snapshot()", "pause", "clear", "cont", "huge_memory", "common_pid", "stacktrace"),
    *("__data_loc ", "char s[", "unsigned ", "s64 ", "CPUS{", ".ustring", ".function", "+", "/"),
)


@dataclass(frozen=True)
class Deed:
    """One step of a recorded case: a write, or a folder made or removed."""

    operation: str
    path: str
    data: bytes = b""
    truncates: bool = False


@cache
def recorded_cases(kernel: str) -> tuple[tuple[Deed, ...], ...]:
    """What was once asked of a kernel, or of a near one."""
    near = "7.3" if kernel == "7.3" else "6.12"
    documents = [_CONFORMANCE / "asked" / f"{kernel}.json"]
    documents += sorted((_CONFORMANCE / "cases").glob(f"{near}-*.json"))
    cases = [case for path in documents for case in json.loads(path.read_text())["cases"]]
    return tuple(deeds for case in cases if (deeds := tuple(_deeds(case))))


def _deeds(case: dict[str, Any]) -> list[Deed]:
    deeds = []
    for step in case["steps"][:_KEPT]:
        verb, path, *written = step["do"]
        if verb == "write":
            data = written[0].encode("latin-1")
            deeds.append(Deed(verb, f"{TRACING}/{path}", data, written[1:2] == ["trunc"]))
        elif verb in ("mkdir", "rmdir"):
            deeds.append(Deed(verb, f"{TRACING}/{path}"))
    return deeds


@cache
def words_for(kind: str, kernel: str) -> tuple[bytes, ...]:
    """What may be written to a kind of file; anything for one that takes nothing."""
    kind = _LIKE.get(kind, kind)
    own = [word.encode("latin-1") for word in WORDS.get(kind, ())]
    recorded = {
        deed.data
        for case in recorded_cases(kernel)
        for deed in case
        if deed.operation == "write" and kind_of(deed.path) == kind
    }
    return tuple(own) * 2 + tuple(sorted(recorded)) or (b"", b"0", b"1")
