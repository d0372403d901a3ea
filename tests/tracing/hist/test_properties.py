"""What holds for any command, and for any table."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracing.hist.lab import HistLab
from tracefs_fuse.tracing.hist.sort import heap_sorted
from tracefs_fuse.tracing.inject import record_of
from tracefs_fuse.tracing.triggers.trigger_file import write_trigger
from tracefs_fuse.tracing.versions import VERSIONS

_FOLDER = "events/huge_memory/mm_khugepaged_scan_file"
_NAMES = ("mm", "pfn", "filename", "present", "swap", "result", "common_pid", "cpu", "comm")
_PIECES = [
    *_NAMES,
    *("hitcount", "common_timestamp", "common_stacktrace", "nosuch", "$x", "$y", "17", "0x10"),
    *(".hex", ".sym", ".sym-offset", ".log2", ".buckets=7", ".usecs", ".percent", ".graph"),
    *("keys=", "vals=", "sort=", "size=", "name=n", "clock=mono", "x=", "y=", "pause", "clear"),
    *(":", ",", "+", "-", "*", "/", "(", ")", ".", " ", "=", " if ", "pfn>2", 'filename=="a"'),
    *("onmatch(huge_memory.mm_khugepaged_scan_file).", "onmax($x).", "onchange($x)."),
    *("save(pfn,swap)", "snapshot()", "trace(two,$x,mm)", "two($x,pfn)", "nohitcount"),
]
_EVENT = 'mm=0xffff888000000040 pfn=5 filename="a" present=-1 swap=3 result=1'

_FIELD = st.sampled_from(_NAMES[:7])
_KEY = st.builds(
    str.__add__, _FIELD, st.sampled_from(["", "", ".hex", ".log2", ".buckets=10", ".sym"])
)
_VALUE = st.sampled_from(["present", "swap.hex", "pfn+swap", "pfn/3*2", "-(result)", "hitcount"])
_COMMAND = st.builds(
    "hist:keys={}:vals={}:x={}{}{}".format,
    st.lists(_KEY, min_size=1, max_size=3).map(",".join),
    st.lists(_VALUE, min_size=1, max_size=2).map(",".join),
    _VALUE,
    st.sampled_from(["", ":pause", ":size=300", ":onmax($x).save(swap,filename)"]),
    st.sampled_from(["", " if pfn > 1"]),
)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(VERSIONS)),
    st.lists(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join), max_size=4),
)
def test_bad_input_is_an_error_number(version: str, commands: list[str]) -> None:
    lab = HistLab(version)
    lab.tracing.synthetic.write("two int d; unsigned long p")
    for command in commands:
        for sign in ("", "!"):
            text = f"{sign}hist:keys=pfn:x=swap:{command}"
            status, _ = lab.answer(["write", f"{_FOLDER}/trigger", text, "append"])
            assert status in {
                "OK",
                "EINVAL",
                "EEXIST",
                "ENOENT",
                "EBUSY",
                "EPERM",
                "ENOMEM",
                "E2BIG",
            }
            lab.write(f"{_FOLDER}/inject", _EVENT, "append")
            lab.read(f"{_FOLDER}/trigger")
            lab.read(f"{_FOLDER}/hist")


_ANY_FIELD = st.builds(
    str.__add__,
    st.sampled_from(
        [
            *_NAMES,
            "COMM",
            "CPU",
            "common_comm",
            "common_cpu",
            "common_timestamp",
            "common_stacktrace",
            "stacktrace",
            "hitcount",
            "common_flags",
            "7",
        ]
    ),
    st.sampled_from(
        [
            "",
            ".hex",
            ".sym",
            ".sym-offset",
            ".execname",
            ".syscall",
            ".log2",
            ".buckets=3",
            ".usecs",
            ".percent",
            ".graph",
            ".stacktrace",
        ]
    ),
)
_ANY_TERM = _ANY_FIELD | st.builds("{}{}{}".format, _ANY_FIELD, st.sampled_from("+-*/"), _ANY_FIELD)


@settings(deadline=None, max_examples=500)
@given(
    st.sampled_from(sorted(VERSIONS)),
    st.lists(_ANY_TERM, min_size=1, max_size=2).map(",".join),
    st.lists(_ANY_TERM, max_size=2).map(",".join),
    _ANY_TERM,
)
def test_what_is_taken_can_be_shown(version: str, keys: str, values: str, variable: str) -> None:
    lab = HistLab(version)
    lab.tracing.make_instance("other")
    command = f"hist:name=shared:keys={keys}:{f'vals={values}:' if values else ''}x={variable}"
    status, _ = lab.answer(["write", f"{_FOLDER}/trigger", command, "append"])
    lab.write(f"{_FOLDER}/inject", _EVENT, "append")
    text = lab.read(f"{_FOLDER}/hist") or ""
    assert ("Hits: 1\n" in text) == (status == "OK")
    if status == "OK":
        other = lab.tracing.instances["other"].files["huge_memory", _FOLDER.rpartition("/")[2]]
        write_trigger(other, command)
        other.inject(lab.source.current, record_of(other.event, lab.source.current, _EVENT))
        assert "Hits: 2\n" in (lab.read(f"{_FOLDER}/hist") or "")


@settings(deadline=None, max_examples=200)
@given(_COMMAND)
def test_read_back_is_a_command(command: str) -> None:
    """What ``trigger`` shows makes the same trigger, and removes it."""
    lab, again = HistLab("7.3"), HistLab("7.3")
    path = f"{_FOLDER}/trigger"
    status, _ = lab.answer(["write", path, command, "append"])
    if status != "OK":
        return
    shown = lab.read(path) or ""
    line, _, state = shown.rpartition(" [")
    head, condition, text = line.partition(" if ")
    pause = ":pause" if state.startswith("paused") else ""
    again.write(path, head + pause + condition + text, "append")
    assert again.read(path) == shown
    again.write(path, "!" + line, "append")
    assert "hist:" not in (again.read(path) or "")


@given(st.lists(st.integers(0, 6), max_size=60))
def test_heap_sort_is_the_kernels(ranks: list[int]) -> None:
    """Against the description: walk down to a leaf, climb back, rotate."""
    heap = list(range(len(ranks)))

    def settle(top: int, size: int) -> None:
        path = [top]
        while (left := 2 * path[-1] + 1) < size:
            right = left + 1
            takes_left = right >= size or ranks[heap[left]] > ranks[heap[right]]
            path.append(left if takes_left else right)
        while len(path) > 1 and ranks[heap[top]] >= ranks[heap[path[-1]]]:
            path.pop()
        moved = [heap[i] for i in path]
        for place, item in zip(path, [*moved[1:], moved[0]], strict=True):
            heap[place] = item

    size = len(heap)
    for root in range(size // 2 - 1, -1, -1):
        settle(root, size)
    while size > 3:
        heap[0], heap[size - 1] = heap[size - 1], heap[0]
        second = 2 if ranks[heap[1]] <= ranks[heap[2]] else 1
        heap[second], heap[size - 2] = heap[size - 2], heap[second]
        size -= 2
        settle(second, size)
        settle(0, size)
    if size > 1:
        heap[0], heap[size - 1] = heap[size - 1], heap[0]
    if size == 3 and ranks[heap[0]] > ranks[heap[1]]:
        heap[0], heap[1] = heap[1], heap[0]
    assert heap_sorted(list(range(len(ranks))), ranks, pairs=True) == heap
    assert [ranks[i] for i in heap] == sorted(ranks)
