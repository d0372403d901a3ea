"""The lab that is put under load."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psutil

from tests.conftest import run_command
from tests.load.changers import CHANGED
from tests.load.settings import LARGEST_BUFFER_KB
from tests.load.stages import QUIET, STAGES, TRACING, Stage
from tracefs_fuse.cli.mounts import mount_at

_PATIENCE = 10.0
_TURN = 0.1
_IDLE_THREADS = 10
"""The main thread, those of virtual time and of poll(2), and a few that wait for requests."""


class LoadedLab:
    """A mount of its own, with the instances of a run."""

    def __init__(self, kernel: str, cpus: int, workload: str, speed: float, seed: int) -> None:
        self.kernel = kernel
        self.folder = Path(tempfile.mkdtemp(prefix="load"))
        self.mount = self.folder / "lab"
        self._log = self.folder / "tracefs-fuse" / "log"
        self._environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder),
            "PYTHONFAULTHANDLER": "1",
        }
        made_of = {
            "--kernel": kernel,
            "--cpus": cpus,
            "--workload": workload,
            "--speed": speed,
            "--seed": seed,
        }
        options = [str(part) for option in made_of.items() for part in option]
        mounted = run_command("mount", *options, self.mount, env=self._environment)
        if mounted.returncode:
            raise RuntimeError(mounted.stderr)
        mount = mount_at(self.mount)
        assert mount is not None
        self.daemon = psutil.Process(mount.daemon)

    def make_instances(self) -> None:
        for path in (QUIET, *CHANGED, *(stage.path for stage in STAGES)):
            (self.mount / path).mkdir(exist_ok=True)
        for path in CHANGED:
            (self.mount / path / "buffer_size_kb").write_text(str(LARGEST_BUFFER_KB))
        (self.mount / TRACING / "events/enable").write_text("1")
        for stage in STAGES:
            settings = (("buffer_size_kb", str(stage.buffer_kb)), *stage.settings)
            for path, text in settings:
                (self.mount / stage.path / path).write_text(text)

    def fixed_entries(self) -> dict[int, str]:
        """The names of markers' records by their id."""
        names = ("print", "raw_data")
        return {self._id(f"{TRACING}/events/ftrace/{name}/format"): name for name in names}

    def _id(self, path: str) -> int:
        lines = (self.mount / path).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("ID:"))

    def quieten(self, stage: Stage) -> None:
        """Let nothing but markers come any more."""
        (self.mount / stage.path / "events/enable").write_text("0")

    def write_last(self, stage: Stage, cpu: int, marker: bytes) -> None:
        """Write a marker on a CPU; waits while its buffer is full."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})
        try:
            limit = time.monotonic() + _PATIENCE
            while not self._takes(stage, marker) and time.monotonic() < limit:
                time.sleep(_TURN)
        finally:
            os.sched_setaffinity(0, before)

    def _takes(self, stage: Stage, marker: bytes) -> bool:
        try:
            (self.mount / stage.path / "trace_marker").write_bytes(marker)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            return False
        return True

    def overrun(self, stage: Stage) -> int:
        """Events that were overwritten."""
        texts = [p.read_text() for p in (self.mount / stage.path).glob("per_cpu/cpu*/stats")]
        lines = [line for text in texts for line in text.splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("overrun:"))

    def tell_stacks(self) -> str:
        """End the daemon, which tells what its threads do."""
        os.kill(self.daemon.pid, signal.SIGABRT)
        time.sleep(1)
        return self._log.read_text(errors="replace")

    def end(self) -> list[str]:
        """Unmount; returns what is wrong with what is left."""
        faults = []
        if not self._calms_down():
            faults.append(f"{self.daemon.num_threads()} threads are left")
        ended = run_command("unmount", self.mount, env=self._environment)
        if ended.returncode:
            faults.append(f"unmount: {ended.stderr}")
        log = self._log.read_text(errors="replace")
        if log:
            faults.append(f"the log: {log[-4000:]}")
        if self.daemon.is_running() and self.daemon.status() != psutil.STATUS_ZOMBIE:
            faults.append("the daemon is still there")
        shutil.rmtree(self.folder)
        return faults

    def _calms_down(self) -> bool:
        limit = time.monotonic() + _PATIENCE
        while self.daemon.num_threads() > _IDLE_THREADS:
            if time.monotonic() > limit:
                return False
            time.sleep(_TURN)
        return True
