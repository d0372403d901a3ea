"""Reading ``trace`` on after its end, with programs that follow a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import needs

FOLDERS = pytest.mark.parametrize("path", ["trace", "per_cpu/cpu0/trace", "instances/foo/trace"])


def marks(tracing: Path, path: str, script: str) -> tuple[str, list[str]]:
    """Header and events that a script prints; $F is a file, M adds an event to its instance."""
    (tracing / "instances/foo").mkdir()
    folder = tracing / path.partition("per_cpu")[0].removesuffix("trace")
    done = subprocess.run(
        ["bash", "-c", f"M() {{ echo $1 > {folder}/trace_marker; }}; F={tracing / path}; {script}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    header = "\n".join(line for line in lines if line.startswith("#"))
    return header, [line.rpartition(" ")[2] for line in lines if not line.startswith("#")]


@FOLDERS
def test_cat_goes_on(tracing: Path, path: str) -> None:
    script = "M one; (exec 3< $F; cat <&3 >/dev/null; M two; cat <&3; echo --; M three; cat <&3)"
    assert marks(tracing, path, script) == ("", ["two", "--", "three"])


@needs("tail")
@FOLDERS
def test_tail_shows_what_comes(tracing: Path, path: str) -> None:
    """Each event once, and no word of a file that was cut."""
    script = (
        "M one; timeout 5 tail -n 1 -s 0.1 -f $F & sleep 1; M two; sleep 0.5; M three; M four; wait"
    )
    assert marks(tracing, path, script) == ("", ["one", "two", "three", "four"])


@needs("busybox")
def test_tail_of_busybox_shows_what_comes(tracing: Path) -> None:
    script = "M one; timeout 5 busybox tail -n 1 -f $F & sleep 0.5; M two; sleep 1.2; M three; wait"
    assert marks(tracing, "trace", script) == ("", ["one", "two", "three"])


@needs("tail")
def test_the_end_of_a_file(tracing: Path) -> None:
    script = "M one; M two; M three; tail -n 2 $F; tail -c 6 $F; stat -c %s $F"
    assert marks(tracing, "trace", script) == ("", ["two", "three", "three", "0"])
