"""The folders of the top level and of an instance.

Modelled after init_tracer_tracefs() and tracer_init_tracefs() (kernel/trace/trace.c).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial

from tracefs_fuse.files.node import (
    Directory,
    Listed,
    Node,
    OpenSimple,
    OpenText,
    Request,
    Seeks,
    SimpleFile,
    TextFile,
    lines_of,
)
from tracefs_fuse.files.tracefs.caller import Caller
from tracefs_fuse.files.tracefs.events import EventsDirectory
from tracefs_fuse.files.tracefs.filesystem import TRACEFS
from tracefs_fuse.files.tracefs.listing import LISTINGS, listed, newest_first
from tracefs_fuse.files.tracefs.pipe import RawPipe, TracePipe
from tracefs_fuse.files.tracefs.text import command, words
from tracefs_fuse.files.tracefs.trace import snapshot_file, trace_file
from tracefs_fuse.tracing import (
    buffer_size,
    cpumask,
    event_overview,
    function_filter,
    readme,
    set_event,
    trace_marker,
)
from tracefs_fuse.tracing.numbers import number_written, refuse
from tracefs_fuse.tracing.output import stats_text
from tracefs_fuse.tracing.pid_filter import PidList
from tracefs_fuse.tracing.trace_array import NOP, TraceArray
from tracefs_fuse.tracing.tracing import Tracing

_FOLDER = 0o750
_NSEC_PER_USEC = 1000
_MAX_USER_BUFFER = 165


def tracefs_tree(tracing: Tracing) -> Directory:
    """``/sys/kernel/tracing``."""
    top, cmdlines, synthetic = tracing.top, tracing.cmdlines, tracing.synthetic
    entries: dict[str, Node] = {
        **_instance_entries(top),
        "README": SimpleFile(0o440, lambda: readme.text(tracing.version)),
        "available_events": TextFile(
            0o440,
            lines_of(lambda: set_event.available_events_text(top)),
            seeks=Seeks.NOT_TO_END,
        ),
        "instances": Instances(tracing),
        "dynamic_events": TextFile(
            0o640,
            lines_of(synthetic.dynamic_text),
            command(synthetic.write_dynamic),
            truncated=lambda request: synthetic.truncate(),
            seeks=Seeks.NOT_TO_END,
        ),
        "printk_formats": TextFile(0o440, lambda: "", seeks=Seeks.NOT_TO_END),
        "saved_cmdlines": TextFile(0o440, cmdlines.comms_text, seeks=Seeks.NOT_TO_END),
        "saved_cmdlines_size": SimpleFile(
            0o640, lambda: f"{cmdlines.size}\n", command(cmdlines.resize), seeks=Seeks.NOWHERE
        ),
        "saved_tgids": TextFile(0o440, cmdlines.tgids_text, seeks=Seeks.NOT_TO_END),
        "synthetic_events": TextFile(
            0o640,
            lines_of(synthetic.text),
            command(synthetic.write),
            truncated=lambda request: synthetic.truncate(),
            seeks=Seeks.NOT_TO_END,
        ),
        "tracing_thresh": SimpleFile(
            0o640,
            lambda: f"{tracing.thresh // _NSEC_PER_USEC}\n",
            command(lambda text: _thresh(tracing, text)),
        ),
    }
    tree = Directory(
        listed(entries, LISTINGS[tracing.version.name].top), mode=tracing.version.top_mode
    )
    tree.filesystem = TRACEFS
    return tree


class Instances(Directory):
    """``instances``: making a folder makes an instance."""

    def __init__(self, tracing: Tracing) -> None:
        super().__init__({}, mode=_FOLDER)
        self._tracing = tracing
        self._trees: dict[TraceArray, Directory] = {}

    @property
    def links(self) -> int:
        return 2 + len(self._tracing.instances)

    def lookup(self, name: str) -> Node | None:
        return self.children().get(name)

    def children(self) -> dict[str, Node]:
        arrays = self._tracing.instances
        self._trees = {
            array: self._trees.get(array) or self._tree(array) for array in arrays.values()
        }
        return newest_first({name: self._trees[array] for name, array in arrays.items()})

    def mkdir(self, name: str) -> None:
        self._tracing.make_instance(name)
        self.children()  # makes its tree, which keeps the owner of this moment

    def rmdir(self, name: str, *, in_use: bool = False) -> None:
        self._tracing.remove_instance(name, in_use=in_use)

    def _tree(self, array: TraceArray) -> Directory:
        """The files of an instance, which are of the owner of ``instances``.

        Modelled after set_tracefs_inode_owner() in fs/tracefs/inode.c.
        """
        order, owner = LISTINGS[self._tracing.version.name].instance, self.owner
        entries = _instance_entries(array)
        tree = Directory(listed(entries, order), mode=_FOLDER)
        tree.default_owner = lambda: owner
        if self._tracing.version.instances_follow_owner:
            tree.default_owner = lambda: self.owner
            events = entries["events"]
            assert isinstance(events, Directory)
            events.default_owner = lambda: owner
        return tree


def _instance_entries(array: TraceArray) -> dict[str, Node]:
    """What the top level and each instance have."""
    version = array.tracing.version
    all_cpus = range(array.tracing.cpu_count)
    entries: dict[str, Node] = {
        "available_tracers": TextFile(0o440, lambda: f"{NOP}\n", seeks=Seeks.NOT_TO_END),
        "buffer_percent": SimpleFile(
            0o640,
            lambda: f"{array.buffer_percent}\n",
            command(lambda text: buffer_size.write_percent(array, text)),
        ),
        "buffer_size_kb": _buffer_size_file(array, None),
        "buffer_total_size_kb": SimpleFile(0o440, lambda: buffer_size.total_size_text(array)),
        "current_tracer": SimpleFile(0o640, lambda: f"{NOP}\n", command(array.set_tracer)),
        "error_log": TextFile(
            0o640,
            lambda: Listed(array.error_log.entries),
            command(lambda text: None),
            truncated=lambda request: array.error_log.clear(),
            seeks=Seeks.READERS_NOT_TO_END,
        ),
        "events": EventsDirectory(array),
        "free_buffer": TextFile(
            0o200, store=command(lambda text: None), released=array.free, seeks=Seeks.NOWHERE
        ),
        "options": Directory(
            newest_first(
                {
                    name: _option_file(array, name)
                    for name in array.options.file_names(top=not array.name)
                }
            ),
            mode=_FOLDER,
        ),
        "per_cpu": Directory(
            newest_first({f"cpu{cpu}": _cpu_tree(array, cpu) for cpu in all_cpus}), mode=_FOLDER
        ),
        "set_event": TextFile(
            0o640,
            lines_of(lambda: set_event.set_event_text(array)),
            words(lambda text: set_event.write_set_event(array, text)),
            truncated=lambda request: set_event.truncate_set_event(array),
            seeks=Seeks.NOT_TO_END,
        ),
        "set_event_notrace_pid": _pid_file(array, array.pids.never),
        "set_event_pid": _pid_file(array, array.pids.only),
        "snapshot": snapshot_file(array, None),
        "timestamp_mode": TextFile(0o440, lambda: "[delta] absolute\n", seeks=Seeks.NOT_TO_END),
        "trace": trace_file(array, None),
        "trace_clock": TextFile(
            0o640, array.clock.text, command(array.set_clock), seeks=Seeks.NOT_TO_END
        ),
        "trace_marker": _marker_file(array, trace_marker.write_marker),
        "trace_marker_raw": _marker_file(array, trace_marker.write_marker_raw),
        "trace_options": TextFile(
            0o640, array.options.text, command(array.options.write), seeks=Seeks.NOT_TO_END
        ),
        "trace_pipe": TracePipe(array),
        "tracing_cpumask": _CpumaskFile(array),
        "tracing_on": SimpleFile(
            0o640,
            lambda: f"{int(array.tracing_on)}\n",
            command(lambda text: _tracing_on(array, text)),
        ),
    }
    if array.tracing.has_inject or version.distribution_has_max_latency:
        entries["tracing_max_latency"] = _number_file(array, "max_latency")
    if version.has_subbuf_size:
        entries["buffer_subbuf_size_kb"] = SimpleFile(
            0o640,
            lambda: buffer_size.subbuf_size_text(array),
            command(lambda text: buffer_size.write_subbuf_size(array, text)),
        )
    if version.has_show_event_files:
        entries["show_event_filters"] = TextFile(
            0o440, lines_of(lambda: event_overview.filters_text(array)), seeks=Seeks.NOT_TO_END
        )
        entries["show_event_triggers"] = TextFile(
            0o440, lines_of(lambda: event_overview.triggers_text(array)), seeks=Seeks.NOT_TO_END
        )
    if version.has_syscall_user_buf_size:
        entries["syscall_user_buf_size"] = _number_file(
            array, "syscall_user_buf_size", _MAX_USER_BUFFER
        )
    entries |= {
        name: TextFile(
            0o640,
            partial(str, shown),
            command(function_filter.write),
            seeks=Seeks.READERS_NOT_TO_END,
        )
        for name, shown in function_filter.FILES.items()
    }
    entries["set_ftrace_pid"] = _function_pid_file(array.function_pids.only)
    entries["set_ftrace_notrace_pid"] = _function_pid_file(array.function_pids.never)
    return entries


def _cpu_tree(array: TraceArray, cpu: int) -> Directory:
    return Directory(
        {
            "snapshot_raw": RawPipe(array, cpu, snapshot=True),
            "snapshot": snapshot_file(array, cpu),
            "buffer_size_kb": _buffer_size_file(array, cpu),
            "stats": SimpleFile(0o440, lambda: stats_text(array, array.buffer.cpus[cpu])),
            "trace_pipe_raw": RawPipe(array, cpu),
            "trace": trace_file(array, cpu),
            "trace_pipe": TracePipe(array, cpu),
        },
        mode=_FOLDER,
    )


def _buffer_size_file(array: TraceArray, cpu: int | None) -> SimpleFile:
    return SimpleFile(
        0o640 if cpu is None else array.tracing.version.cpu_buffer_size_mode,
        lambda: buffer_size.size_text(array, cpu),
        command(lambda text: buffer_size.write_size(array, cpu, text)),
    )


def _option_file(array: TraceArray, name: str) -> SimpleFile:
    return SimpleFile(
        0o640,
        lambda: f"{int(name in array.options)}\n",
        command(lambda text: array.options.write_file(name, text)),
        holds=array.tracing.version.options_hold,
    )


class _CpumaskFile(SimpleFile):
    """``tracing_cpumask``."""

    def __init__(self, array: TraceArray) -> None:
        super().__init__(
            0o640,
            lambda: cpumask.text(array),
            command(lambda text: cpumask.write(array, text)),
        )
        self._array = array

    def opened(self, flags: int) -> OpenText:
        return _OpenCpumask(self, self._array)


class _OpenCpumask(OpenSimple):
    """A read with no room for the whole mask is EINVAL, wherever it reads."""

    def __init__(self, file: TextFile, array: TraceArray) -> None:
        super().__init__(file)
        self._array = array

    def read(self, request: Request, size: int, offset: int, nonblock: bool) -> bytes:
        if size <= len(cpumask.text(self._array)):
            raise refuse(errno.EINVAL)
        return super().read(request, size, offset, nonblock)


def _pid_file(array: TraceArray, pids: PidList) -> TextFile:
    def store(text: str) -> int:
        array.expand()
        used = pids.add(text)
        array.pids_changed()
        return used

    def truncated(request: Request) -> None:
        pids.clear()
        array.pids_changed()

    return TextFile(
        0o640, lines_of(pids.text), words(store), truncated=truncated, seeks=Seeks.NOT_TO_END
    )


def _function_pid_file(pids: PidList) -> TextFile:
    return TextFile(
        0o640,
        lines_of(lambda: function_filter.NO_PID if pids.pids is None else pids.text()),
        words(pids.add),
        truncated=lambda request: pids.clear(),
        seeks=Seeks.READERS_NOT_TO_END,
    )


def _marker_file(array: TraceArray, write: Callable[[TraceArray, Caller, bytes], int]) -> TextFile:
    def store(request: Request, data: bytes) -> int:
        return write(array, Caller.of(request, array.tracing.cpu_count), data)

    return TextFile(0o220, store=store, seeks=Seeks.NOWHERE)


def _tracing_on(array: TraceArray, text: str) -> None:
    array.tracing_on = number_written(text) != 0


def _number_file(array: TraceArray, attribute: str, limit: int | None = None) -> SimpleFile:
    """A number that the instance keeps; what is over the limit becomes the limit."""

    def store(text: str) -> None:
        number = number_written(text)
        setattr(array, attribute, number if limit is None else min(number, limit))

    return SimpleFile(0o640, lambda: f"{getattr(array, attribute)}\n", command(store))


def _thresh(tracing: Tracing, text: str) -> None:
    tracing.thresh = number_written(text) * _NSEC_PER_USEC % (1 << 64)
