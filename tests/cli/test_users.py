"""Who may do what in a lab on a real mount."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from tests.as_user import as_user
from tests.conftest import ROOT, TRACEFS_FUSE, MountLab

LAB = ("--workload", "article", "--cpus", "1")
OTHER = "setpriv --reuid=12345 --regid=12345 --clear-groups"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be several users")


def said_by_other(command: str) -> list[str]:
    """What another user's command prints, with its errors."""
    done = subprocess.run(
        [*OTHER.split(), "sh", "-c", f"exec 2>&1; {command}"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.splitlines()


@pytest.fixture
def open_path(tmp_path: Path) -> None:
    """Folders of the test that anybody may pass."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o755)


@needs_root
@pytest.mark.usefixtures("open_path")
def test_others_stay_outside(mount_lab: MountLab) -> None:
    lab = mount_lab(*LAB)
    for command in (f"ls {lab}", f"cat {lab}/proc/vmstat", f"unshare -Ur ls {lab}"):
        (line,) = said_by_other(command)
        assert line.endswith("Permission denied")


@needs_root
@pytest.mark.usefixtures("open_path")
def test_others_are_let_in_as_far_as_modes_do(mount_lab: MountLab) -> None:
    lab = mount_lab(*LAB, "--allow-other")
    tracing, knobs = f"{lab}/sys/kernel/tracing", f"{lab}/sys/kernel/mm/transparent_hugepage"
    process = next(path for path in (lab / "proc").iterdir() if path.name.isdecimal())
    assert said_by_other(f"cat {knobs}/enabled") == ["[always] madvise never"]
    assert said_by_other(f"cat {process}/comm") == [(process / "comm").read_text().rstrip("\n")]
    refused = [
        f"echo never > {knobs}/enabled",
        f"ls {tracing}",
        f"cat {tracing}/trace",
        f"unshare -Ur cat {tracing}/trace",
        f"cat {process}/maps",
        f"cat {process}/smaps",
        f"cat {process}/pagemap",
    ]
    for command in refused:
        said = said_by_other(command)
        assert (command, len(said)) == (command, 1)
        assert said[0].endswith("Permission denied")
    Path(tracing).chmod(0o755)
    Path(tracing, "trace").chmod(0o644)
    assert said_by_other(f"head -1 {tracing}/trace") == ["# tracer: nop"]
    (line,) = said_by_other(f"chmod 666 {tracing}/trace")
    assert line.endswith("Operation not permitted")
    Path(tracing, "trace").chmod(0o640)
    os.chown(Path(tracing, "trace"), -1, 54321)
    for groups, said in (("--clear-groups", []), ("--groups=54320,54321", ["# tracer: nop"])):
        read = f"setpriv --reuid=12346 --regid=12346 {groups} head -1 {tracing}/trace 2>/dev/null"
        done = subprocess.run(["sh", "-c", read], stdout=subprocess.PIPE, text=True, check=False)
        assert done.stdout.splitlines() == said


def _fusermount_lacks() -> str:
    """Obstacle to an ordinary user's fusermount(1) on this machine; empty if it can mount."""
    if "NoNewPrivs:\t1" in Path("/proc/self/status").read_text():
        return "it can't become root, for no_new_privs is set"
    return "" if Path("/etc/mtab").exists() else "/etc/mtab is missing"


@needs_root
@pytest.mark.parametrize("allowed", [False, True])
def test_letting_others_in_as_an_ordinary_user(tmp_path: Path, allowed: bool) -> None:
    if allowed and (missing := _fusermount_lacks()):
        pytest.skip(f"fusermount can't mount here: {missing}")
    settings = tmp_path / "fuse.conf"
    settings.write_text("# a comment\nuser_allow_other\n" if allowed else "#user_allow_other\n")
    command = shlex.join(TRACEFS_FUSE)
    script = (
        f"{command} mount --workload idle --allow-other ~/lab >/dev/null && "
        "cat ~/lab/proc/sys/kernel/ftrace_enabled; "
        f"status=$?; {command} unmount ~/lab; exit $status"
    )
    over = f'mount --bind {settings} /etc/fuse.conf; exec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-euc",
            over,
            "sh",
            *as_user(tmp_path / "home"),
            "sh",
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    if allowed:
        assert done.stderr == ""
        assert (done.returncode, done.stdout) == (0, "1\n")
    else:
        assert done.returncode == 1
        allow = "echo user_allow_other | sudo tee -a /etc/fuse.conf"
        assert done.stderr.splitlines()[0] == (
            f"tracefs-fuse: other users may only be let in by root; allow it: {allow}"
        )
