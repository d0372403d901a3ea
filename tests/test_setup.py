"""setup.sh, through mount.sh, with a program that stands in for Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import IN_TERMINAL, ROOT
from tests.faults import ENDS, needs_root, prepared, refused, run
from tests.leftovers import PATIENCE, processes_of, wait_until


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    yield
    wait_until(lambda: not processes_of(tmp_path))


PYTHON = """\
#!/bin/sh
# Stands in for Python and pip, which would take long and need the network.
at=$(dirname "$0")
case "$*" in
*version_info[:2]*) echo 3 11 ;;
*version_info*) exit ${OLD:-0} ;;
*"import pip"*) [ -e "$at/../pip" ] ;;
"-m venv "*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    echo made >>"$LOG"
    sleep "${SLOW:-0}"
    touch "$3/pip"
    ;;
"-m pip install "*)
    echo installed >>"$LOG"
    printf '#!/bin/sh\necho "$@"\n' >"$at/tracefs-fuse"
    chmod +x "$at/tracefs-fuse"
    ;;
esac
"""


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree that was never set up, on a machine with that Python."""
    tree = tmp_path / "a tree"
    tree.mkdir()
    for name in ("mount.sh", "setup.sh", "setup.cfg"):
        shutil.copy(ROOT / name, tree)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text(PYTHON)
    (programs / "python3").chmod(0o755)
    for version in range(10, 15):
        (programs / f"python3.{version}").symlink_to("python3")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tree / "log"))
    return tree


def test_set_ups_at_once(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("flock"):
        pytest.skip("flock is missing; apt install util-linux")
    monkeypatch.setenv("SLOW", "0.5")
    started = [
        subprocess.Popen(
            [fresh / "mount.sh", f"DIR{n}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for n in range(3)
    ]
    said = [script.communicate(timeout=60)[0] for script in started]
    assert said == ["mount DIR0\n", "mount DIR1\n", "mount DIR2\n"]
    assert (fresh / "log").read_text() == "made\ninstalled\n"
    assert sorted(os.listdir(fresh)) == [".venv", "log", "mount.sh", "setup.cfg", "setup.sh"]


@pytest.mark.parametrize("how", ENDS, ids=lambda how: how.name)
def test_set_up_that_is_interrupted(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    log = fresh / "log"
    monkeypatch.setenv("SLOW", "1" if how == signal.SIGKILL else "60")
    script = subprocess.Popen([*IN_TERMINAL, fresh / "mount.sh", "DIR"], stderr=subprocess.PIPE)
    wait_until(log.exists)
    script.send_signal(how)
    assert script.communicate(timeout=PATIENCE)[1] == f"making {fresh}/.venv\n".encode()
    assert script.returncode == -how
    (fresh / ".venv/half").touch()
    monkeypatch.delenv("SLOW")
    assert run(fresh / "mount.sh", "DIR").stdout == "mount DIR\n"
    assert log.read_text() == "made\nmade\ninstalled\n"
    assert not (fresh / ".venv/half").exists()


def test_python_that_is_gone_since(fresh: Path) -> None:
    for _ in range(2):
        assert run(fresh / "mount.sh", "DIR").stdout == "mount DIR\n"
    assert (fresh / "log").read_text() == "made\ninstalled\n"
    python = fresh / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nonexistent")
    assert run(fresh / "mount.sh", "--unmount", "DIR").stdout == "unmount DIR\n"
    assert (fresh / "log").read_text() == "made\ninstalled\n" * 2


def test_python_that_is_too_old(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "1")
    assert refused(run(fresh / "mount.sh", "DIR")).startswith("Python 3.10 or later is needed; ")
    assert not (fresh / ".venv").exists()


def test_machine_that_has_nothing(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = fresh / "bin"
    programs.mkdir()
    for name in ("cat", "cksum", "dirname", "id", "readlink", "stat"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    needed = "python3 python3-venv libfuse2 fuse3"
    said = refused(run(fresh / "mount.sh", "DIR"))
    assert said == f"missing: {needed}; install with: sudo apt install {needed}"
    assert not (fresh / ".venv").exists()


@needs_root
def test_tree_that_can_not_be_written(fresh: Path) -> None:
    read_only = prepared(f"mount --bind '{fresh}' '{fresh}'", f"mount -o remount,ro,bind '{fresh}'")
    done = run(*read_only, fresh / "mount.sh", "DIR")
    assert done.returncode == 1
    assert f"\nmount.sh: could not make {fresh}/.venv; see above" in done.stderr


@needs_root
def test_environment_of_another_user(fresh: Path) -> None:
    assert run(fresh / "mount.sh", "DIR").stdout == "mount DIR\n"
    python = fresh / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nonexistent")
    for path in (fresh / ".venv", *(fresh / ".venv").rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    before = sorted((fresh / ".venv").rglob("*"))
    said = refused(run(fresh / "mount.sh", "DIR"))
    assert said == (
        f"{fresh}/.venv is of another user and its Python can't be run; "
        f"use a copy of {fresh} of your own"
    )
    assert sorted((fresh / ".venv").rglob("*")) == before
    assert (fresh / "log").read_text() == "made\ninstalled\n"
