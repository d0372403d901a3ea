"""Runs of the fuzzer and of the load test that a signal ends early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import IN_TERMINAL, ROOT
from tests.leftovers import PATIENCE, processes_of, wait_until
from tracefs_fuse.cli.mounts import mounts

_FUZZ = ("tests.fuzz", "--mount", "--seed", "7", "--kernel", "7.3", "--inputs", "1000000")
_FUZZED = (
    r"\nended early; to go on: --mount --seed 7 --kernel 7\.3 --sequence 0\n\n"
    r"7\.3: \d+ inputs in 0 sequences and \d+ s; failures: none\n"
)
_LOAD = ("tests.load", "--seed", "7", "--kernel", "7.3", "--minutes", "60")
_LOADED = (
    r"\d+ requests in \d+ s\n(?s:.*)\nended early; to repeat: "
    r"--minutes 60 --seed 7 --kernel 7\.3 --workload results --speed 100\n"
)


@pytest.mark.usefixtures("machine_can_mount")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.parametrize(
    ("run", "told"), [(_FUZZ, _FUZZED), (_LOAD, _LOADED)], ids=["fuzz", "load"]
)
def test_run_that_is_ended(
    tmp_path: Path, how: signal.Signals, run: tuple[str, ...], told: str
) -> None:
    def is_mounted() -> bool:
        return any(mount.folder.startswith(f"{tmp_path}/") for mount in mounts())

    started = subprocess.Popen(
        [*IN_TERMINAL, sys.executable, "-m", *run],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    wait_until(is_mounted)
    os.killpg(started.pid, how)  # as timeout(1) and a terminal do
    said = started.communicate(timeout=3 * PATIENCE)[0]
    assert re.search(told, said), said
    assert started.returncode == -how
    assert not is_mounted()
    wait_until(lambda: not processes_of(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["state"] or not list(tmp_path.iterdir())
