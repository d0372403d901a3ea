"""The commands as they are typed: help, faults, and labs that come and go."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, TRACEFS_FUSE, MountLab, run_command
from tracefs_fuse.cli.mounts import Mount, mount_at

IDLE = ("--workload", "idle", "--cpus", "1")


def lab_at(folder: Path) -> Mount:
    mount = mount_at(folder)
    assert mount is not None
    assert mount.is_ours
    return mount


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a lab may be mounted; it is unmounted whatever happens."""
    folder = tmp_path / "lab"
    yield folder
    left = mount_at(folder)
    if left is not None:
        left.end()


# -- help --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), ("mount",), ("unmount",), ("shell",)])
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    shown = run_command(*command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(rf"^example: tracefs-fuse {''.join(command) or 'mount'} ", shown.stdout, re.M)


def test_script_lists_the_options_of_the_command() -> None:
    script = subprocess.run(
        [ROOT / "mount.sh", "--help"], capture_output=True, text=True, check=True
    ).stdout
    command = run_command("mount", "--help").stdout
    options = set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", command, re.M))
    assert options == {*re.findall(r"^  (?:-\w, )?(--[\w-]+)", script, re.M), "--help"}
    assert "examples: " in script


# -- faults ------------------------------------------------------------------------------------

COMMAND_LINES: dict[str, str] = {
    "": "required: COMMAND",
    "mount": "required: DIR",
    "mount --kernel 5.4 DIR": "'5.4' (choose from",
    "mount --cpus 0 DIR": "from 1 to 64, not '0'",
    "mount --cpus two DIR": "from 1 to 64, not 'two'",
    "mount --speed 0 DIR": "from 0.001 to 1000, not '0'",
    "mount --speed nan DIR": "from 0.001 to 1000, not 'nan'",
    "mount --speed 1001 DIR": "from 0.001 to 1000, not '1001'",
    "mount --seed x DIR": "--seed: invalid",
    "mount --workload none DIR": "'none' (choose from",
    "mount --nothing DIR": "unrecognized arguments: --nothing",
    "unmount": "required: DIR",
}


def test_faults_of_the_command_line(folder: Path) -> None:
    for line, fault in COMMAND_LINES.items():
        said = run_command(*line.replace("DIR", str(folder)).split())
        assert (line, said.returncode, said.stdout) == (line, 2, "")
        assert fault in said.stderr
        assert re.fullmatch(r"tracefs-fuse[^\n]*; see tracefs-fuse[a-z ]* --help\n", said.stderr)
    assert not folder.exists()


def a_file(folder: Path) -> Path:
    folder.touch()
    return folder


def below_a_file(folder: Path) -> Path:
    folder.touch()
    return folder / "below"


def occupied(folder: Path) -> Path:
    folder.mkdir()
    (folder / "something").touch()
    return folder


def another_mount(folder: Path) -> Path:
    return Path("/proc")


def refusing(folder: Path) -> Path:
    return Path("/proc/lab")


PLACES: dict[Callable[[Path], Path], str] = {
    a_file: "is not a folder; choose another one",
    below_a_file: "is not a folder; choose another one",
    occupied: "is not empty; choose an empty or a new folder",
    another_mount: "is a mount of proc already; choose another folder",
    refusing: "choose another folder",
}


@pytest.mark.usefixtures("machine_can_mount")
@pytest.mark.parametrize("prepare", PLACES)
def test_faults_of_the_place(folder: Path, prepare: Callable[[Path], Path]) -> None:
    place = prepare(folder)
    said = run_command("mount", *IDLE, place)
    assert (said.returncode, said.stdout) == (1, "")
    assert re.fullmatch(rf"tracefs-fuse: {place}[^\n]*{PLACES[prepare]}\n", said.stderr)


def test_unmounting_what_is_not_there(folder: Path) -> None:
    said = run_command("unmount", folder)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith(f"tracefs-fuse: no lab is mounted on {folder};")


# -- labs --------------------------------------------------------------------------------------


def test_mounting_again(mount_lab: MountLab, tmp_path: Path) -> None:
    lab = mount_lab(*IDLE)
    link = tmp_path / "link"
    link.symlink_to(lab)
    for name in (lab, link):
        said = run_command("mount", *IDLE, name)
        expected = f"The lab is already on {name} (process {lab_at(lab).daemon}), "
        assert said.returncode == 0
        assert said.stdout.startswith(expected)
    assert run_command("unmount", link).returncode == 0
    assert not lab.is_mount()


def is_dead(lab: Path) -> bool:
    try:
        lab.stat()
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def test_dead_mount_is_cleared(mount_lab: MountLab) -> None:
    lab = mount_lab(*IDLE)
    for command in (["mount", *IDLE], ["unmount"]):
        os.kill(lab_at(lab).daemon, signal.SIGKILL)
        while not is_dead(lab):  # until the kernel has closed what the daemon left
            time.sleep(0.01)
        done = run_command(*command, lab)
        assert (done.returncode, done.stderr) == (0, "")
    assert mount_at(lab) is None


def test_unmounting_ends_the_daemon(mount_lab: MountLab) -> None:
    lab = mount_lab(*IDLE)
    daemon = lab_at(lab)
    held = [os.open(lab / "proc/vmstat", os.O_RDONLY), os.open(lab / "sys", os.O_PATH)]
    assert run_command("unmount", lab).returncode == 0
    for file in held:
        with contextlib.suppress(OSError):
            os.close(file)
    assert not daemon.is_alive
    assert list(lab.iterdir()) == []


@pytest.mark.usefixtures("machine_can_mount")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_foreground(folder: Path, how: signal.Signals) -> None:
    daemon = subprocess.Popen(
        [*TRACEFS_FUSE, "mount", *IDLE, "--foreground", folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert daemon.stdout is not None
    assert daemon.stdout.readline().startswith(f"The lab is on {folder}")
    assert lab_at(folder).daemon == daemon.pid
    assert (folder / "sys/kernel/tracing/tracing_on").read_text() == "1\n"
    daemon.send_signal(how)
    assert daemon.communicate(timeout=20)[1] == ""
    assert daemon.returncode == 0
    assert mount_at(folder) is None


def test_only_the_mounting_user_gets_in(mount_lab: MountLab) -> None:
    if os.getuid():
        pytest.skip("needs root, to be somebody else")
    lab = mount_lab(*IDLE)
    said = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "ls", lab],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "Permission denied" in said.stderr
