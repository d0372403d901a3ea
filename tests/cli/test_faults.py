"""What can go wrong with a machine, a folder or a process, end to end.

Each fault is told in one line, and nothing is left of the lab: no mount, process or folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.as_user import as_user
from tests.conftest import IN_TERMINAL, ROOT, TRACEFS_FUSE, MountLab
from tests.faults import needs_root, prepared, refused, run
from tests.leftovers import PATIENCE, processes_of, wait_until
from tracefs_fuse.cli.mounts import Mount, mount_at, mounts

IDLE = ("--workload", "idle", "--cpus", "1")
MOUNT = [*TRACEFS_FUSE, "mount", *IDLE]
SHELL = [*TRACEFS_FUSE, "shell", *IDLE, "--"]
UNMOUNT = [*TRACEFS_FUSE, "unmount"]
PIPE = "sys/kernel/tracing/trace_pipe"


def labs_in(test: Path) -> list[Path]:
    return [Path(mount.folder) for mount in mounts() if test in Path(mount.folder).parents]


@pytest.fixture(autouse=True)
def nothing_left(machine_can_mount: None, tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, no process of its labs outlives it, nor any mount."""
    yield
    try:
        wait_until(lambda: not processes_of(tmp_path))
        assert labs_in(tmp_path) == []
    finally:
        send(signal.SIGKILL, processes_of(tmp_path))
        for folder in labs_in(tmp_path):
            subprocess.run([*UNMOUNT, folder], cwd=ROOT, check=False)


# -- folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [b" a  b\t\\040,fsname=x", b"new\nline\x0c\x1c\xe2\x80\xa8", b"-\xff\xfe#%s'\"$"]
)
def test_odd_names(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    strict = ["env", "PYTHONIOENCODING=utf-8:strict"]
    within = ["env", "-C", str(tmp_path), f"PYTHONPATH={ROOT}"]
    done = run(*within, *strict, *MOUNT, "--", name)
    assert (done.returncode, done.stderr) == (0, "")
    (go,) = re.findall(r"^  (cd .*?/tracing'?)/events", done.stdout, re.M | re.S)
    assert run("sh", "-euc", f"{go}; cat tracing_on").stdout == "1\n"
    assert run(*within, *UNMOUNT, "--", name).returncode == 0
    assert mount_at(folder) is None


def dangling(folder: Path) -> Path:
    (folder / "link").symlink_to("nowhere")
    return folder / "link"


def below_a_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop/new/lab"


def too_long(folder: Path) -> Path:
    return folder / "new" / ("x" * 256) / "lab"


def file_with_a_newline(folder: Path) -> Path:
    (folder / "a\nfile").touch()
    return folder / "a\nfile"


PLACES: dict[Callable[[Path], Path], str] = {
    dangling: "No such file or directory; choose another folder",
    below_a_loop: "Too many levels of symbolic links; choose another folder",
    too_long: "File name too long; choose another folder",
    file_with_a_newline: "is not a folder; choose another one",
}


@pytest.mark.parametrize("prepare", PLACES)
def test_places(tmp_path: Path, prepare: Callable[[Path], Path]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    place = prepare(folder)
    before = sorted(folder.rglob("*"))
    assert refused(run(*MOUNT, place)).endswith(PLACES[prepare])
    assert sorted(folder.rglob("*")) == before


@needs_root
@pytest.mark.parametrize(
    ("options", "fault"),
    [("ro", "Read-only file system"), ("nr_inodes=2", "No space left on device")],
)
def test_file_systems(tmp_path: Path, options: str, fault: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    machine = prepared(f"mount -t tmpfs -o {options} tmpfs {disk}")
    and_then = ["sh", "-c", f'"$@"; status=$?; find {disk} -mindepth 1; exit $status', "sh"]
    done = run(*machine, *and_then, *MOUNT, disk / "a/b/c")
    assert refused(done).endswith(f"{fault}; choose another folder")


@pytest.mark.parametrize("dead", [False, True])
def test_inside_a_lab(mount_lab: MountLab, tmp_path: Path, dead: bool) -> None:
    lab = mount_lab(*IDLE)
    instances = lab / "sys/kernel/tracing/instances"
    (tmp_path / "link").symlink_to(instances)
    daemon = mount_at(lab)
    assert daemon is not None
    if dead:
        os.kill(daemon.daemon, signal.SIGKILL)
    for place in (instances / "new", tmp_path / "link/new"):
        assert refused(run(*MOUNT, place)).endswith("is inside a lab; choose a folder elsewhere")
    assert dead or list(instances.iterdir()) == []
    assert run(*UNMOUNT, lab).returncode == 0


@needs_root
def test_what_is_another_users(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        Path(above).chmod(0o755)
        lab = Path(above, "lab")
        assert run(*MOUNT, lab).returncode == 0
        user = as_user(tmp_path / "home")
        try:
            assert refused(run(*user, *MOUNT, lab)).endswith(
                "is another user's lab; choose another folder"
            )
            not_theirs = refused(run(*user, *MOUNT, Path(above, "new")))
            assert not_theirs.endswith("Permission denied; choose another folder")
            by_hand = f"try: sudo umount -l {lab}"
            assert refused(run(*user, *UNMOUNT, lab)).endswith(by_hand)
        finally:
            assert run(*UNMOUNT, lab).returncode == 0


# -- machines ----------------------------------------------------------------------------------

LIBFUSE = "$(ldconfig -p | sed -n 's/.*libfuse.so.2 .*=> //p' | head -n 1)"
EMPTY_DEV = "mount -t tmpfs tmpfs /dev"
MACHINES = {
    EMPTY_DEV: "/dev/null: No such file or directory",
    f"{EMPTY_DEV}; mknod /dev/null c 1 3": "/dev/fuse is missing; load the kernel's module: ",
    "mount --bind /dev/null /dev/fuse": "Invalid argument; is /dev/fuse what it should be?",
    f"PATH=$PATH:/sbin; mount --bind /dev/null {LIBFUSE}": "install it: apt install libfuse2 ",
    "export FUSE_LIBRARY_PATH=libc.so.6": "install it: apt install libfuse2 ",
}


@needs_root
@pytest.mark.parametrize("options", [[], ["--foreground"]])
@pytest.mark.parametrize("step", MACHINES)
def test_machines(tmp_path: Path, step: str, options: list[str]) -> None:
    folder = tmp_path / "new/lab"
    assert MACHINES[step] in refused(run(*prepared(step), *MOUNT, *options, folder))
    assert not folder.parent.exists()


def test_few_open_files(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    few = ["sh", "-c", 'ulimit -n 16; exec "$@"', "sh"]
    assert run(*few, *MOUNT, lab).returncode == 0
    held = [os.open(lab / "proc/vmstat", os.O_RDONLY) for _ in range(64)]
    assert all(os.read(file, 1) for file in held)
    for file in held:
        os.close(file)
    assert run(*few, *UNMOUNT, lab).returncode == 0
    assert run(*few, *SHELL, "true").returncode == 0


@needs_root
def test_few_processes(tmp_path: Path) -> None:
    user = as_user(tmp_path / "home")
    for most in (3, 5):
        few = ["bash", "-c", f'ulimit -u {most}; exec "$@"', "bash"]
        refused(run(*user, *few, *SHELL, "true"))


# -- the caller --------------------------------------------------------------------------------

IGNORED = ["env", "--ignore-signal=CHLD"]


def test_ignored_children(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    assert run(*IGNORED, *MOUNT, lab).returncode == 0
    assert run(*IGNORED, *UNMOUNT, lab).returncode == 0
    assert run(*IGNORED, *SHELL, "sh", "-c", "sh -c 'exit 3'").returncode == 3


@pytest.mark.parametrize("options", [[], ["--foreground"]])
@pytest.mark.parametrize(
    ("output", "status"), [(">/dev/full", 1), ("| true; exit ${PIPESTATUS[0]}", 141)]
)
def test_output_that_takes_nothing(
    tmp_path: Path, output: str, status: int, options: list[str]
) -> None:
    folder = tmp_path / "new/lab"
    done = run("bash", "-c", f'"$@" {output}', "bash", *MOUNT, *options, folder)
    assert done.returncode == status
    assert done.stderr == ("" if status > 1 else "tracefs-fuse: No space left on device\n")
    assert not folder.parent.exists()


def test_files_of_the_caller_are_let_go(tmp_path: Path) -> None:
    mine, theirs = os.pipe()
    lab = tmp_path / "lab"
    with open(mine, "rb") as said:
        subprocess.run([*MOUNT, lab], cwd=ROOT, pass_fds=[theirs], check=True, capture_output=True)
        os.close(theirs)
        assert said.read() == b""
    assert run(*UNMOUNT, lab).returncode == 0


def test_current_folder_that_is_gone(tmp_path: Path) -> None:
    gone = ["sh", "-c", f'mkdir {tmp_path}/g; cd {tmp_path}/g; rmdir {tmp_path}/g; exec "$@"', "sh"]
    done = run(*gone, "env", f"PYTHONPATH={ROOT}", *MOUNT, "lab")
    assert refused(done) == "the current folder is gone; go to another one: cd"


def test_current_folder_in_a_lab_that_has_ended(mount_lab: MountLab) -> None:
    lab = mount_lab(*IDLE)
    script = f'cd {lab}/sys; {shlex.join(UNMOUNT)} {lab}; exec "$@"'
    done = run("env", f"PYTHONPATH={ROOT}", "sh", "-c", script, "sh", *MOUNT, "lab")
    assert refused(done) == "the current folder is gone; go to another one: cd"


# -- ends --------------------------------------------------------------------------------------


def lab_at(folder: Path) -> Mount:
    mount = mount_at(folder)
    assert mount is not None
    return mount


READER = """
import os, select, sys
file = os.open(sys.argv[1], os.O_RDONLY | (os.O_NONBLOCK if sys.argv[2] == "poll" else 0))
print("opened", flush=True)
poll = select.poll()
poll.register(file)
if sys.argv[2] == "poll":
    poll.poll()
else:
    os.read(file, 1)
"""


def blocked_at(file: Path, how: str) -> subprocess.Popen[bytes]:
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, file, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=file.parent,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"opened\n"
    return reader


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda how: how.name
)
def test_daemon_that_ends(mount_lab: MountLab, how: signal.Signals) -> None:
    lab = mount_lab(*IDLE)
    daemon = lab_at(lab)
    pipe = lab / "sys/kernel/tracing/trace_pipe"
    instance = pipe.parent / "instances/other"
    instance.mkdir()
    readers = [blocked_at(pipe, "read"), blocked_at(instance / pipe.name, "poll")]
    os.kill(daemon.daemon, how)
    for reader in readers:
        reader.communicate(timeout=PATIENCE)
    wait_until(lambda: not daemon.is_alive)
    assert how == signal.SIGKILL or mount_at(lab) is None
    assert run(*MOUNT, lab).returncode == 0
    assert lab_at(lab) != daemon
    assert pipe.exists()


def test_lab_that_is_to_outlive_its_terminal(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    with (tmp_path / "said").open("w") as said:
        command = ["env", "--ignore-signal=HUP,INT,QUIT", *MOUNT[len(IN_TERMINAL) :]]
        served = subprocess.Popen([*command, "--foreground", lab], stdout=said, cwd=ROOT)
    wait_until(lambda: mount_at(lab) is not None)
    for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        served.send_signal(one)
    assert (lab / "sys/kernel/tracing/tracing_on").read_text() == "1\n"
    assert run(*UNMOUNT, lab).returncode == 0
    assert served.wait(PATIENCE) == 0


def test_daemon_that_hangs(mount_lab: MountLab) -> None:
    lab = mount_lab(*IDLE)
    daemon = lab_at(lab)
    os.kill(daemon.daemon, signal.SIGSTOP)
    assert run(*UNMOUNT, lab).returncode == 0
    wait_until(lambda: not daemon.is_alive)
    assert list(lab.iterdir()) == []


def starting(folder: Path, test: Path) -> subprocess.Popen[bytes]:
    """A command that waits for its lab, which is stopped before it has mounted."""
    while True:
        command = [*MOUNT, str(folder)]
        starter = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        stopped: set[int] = set()
        wait_until(lambda: len(processes_of(test)) > 1)
        while running := processes_of(test) - stopped - {starter.pid}:
            send(signal.SIGSTOP, running)
            stopped |= running
        if mount_at(folder) is None:
            return starter
        send(signal.SIGCONT, stopped)
        starter.communicate()
        run(*UNMOUNT, folder)
        folder.rmdir()
        folder.parent.rmdir()


def send(what: signal.Signals, processes: set[int]) -> None:
    """Parents stop before their children and go on after them: they never leave a stopped child
    behind, which would get a SIGHUP then.
    """
    for process in sorted(processes, reverse=what is signal.SIGCONT):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, what)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_mount_that_is_interrupted(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "new/lab"
    starter = starting(folder, tmp_path)
    starter.send_signal(how)
    assert starter.wait(PATIENCE) == -how
    send(signal.SIGCONT, processes_of(tmp_path))
    assert starter.communicate(timeout=PATIENCE)[0] == b""
    wait_until(lambda: not folder.parent.exists())


def test_lab_that_is_ended_while_nobody_waits_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "new/lab"
    starter = starting(folder, tmp_path)
    lab = processes_of(tmp_path) - {starter.pid}
    starter.kill()
    assert starter.wait(PATIENCE) == -signal.SIGKILL
    send(signal.SIGHUP, lab)
    send(signal.SIGCONT, lab)
    starter.communicate(timeout=PATIENCE)
    wait_until(lambda: not folder.parent.exists())


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name
)
def test_foreground_that_is_interrupted(tmp_path: Path, how: signal.Signals) -> None:
    folder = tmp_path / "new/lab"
    status = 0
    while status == 0:  # the signal came when the lab was there already
        shutil.rmtree(folder.parent, ignore_errors=True)
        command = [*MOUNT, "--foreground", str(folder)]
        starter = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        wait_until(folder.exists)
        starter.send_signal(how)
        status = starter.wait(PATIENCE)
    assert status == -how
    assert not folder.parent.exists()


def test_daemon_that_dies_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "new/lab"
    starter = starting(folder, tmp_path)
    send(signal.SIGKILL, processes_of(tmp_path) - {starter.pid})
    starter.communicate(timeout=PATIENCE)
    assert starter.returncode == 1
    assert not folder.parent.exists()


def test_mounts_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "new/lab"
    started = [
        subprocess.Popen([*MOUNT, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = sorted(mount.communicate(timeout=60)[0].split(" (")[0] for mount in started)
    assert [mount.returncode for mount in started] == [0, 0, 0]
    already = f"The lab is already on {folder}"
    assert said == [already, already, f"The lab is on {folder}"]
    assert labs_in(tmp_path) == [folder]
    assert run(*UNMOUNT, folder).returncode == 0


def test_lab_that_is_mounted_in_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    script = '"$@" >&2; cat $0/sys/kernel/tracing/tracing_on'
    done = run(*SHELL, "sh", "-c", script, folder, *MOUNT, folder)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.endswith("This shell alone sees it, and it ends with this shell.\n")
    wait_until(lambda: not processes_of(tmp_path))
    assert list(folder.iterdir()) == []
