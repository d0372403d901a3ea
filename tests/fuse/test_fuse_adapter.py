"""What programs see of pseudo-files through a real mount."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import MountLab
from tests.fuse.conftest import Sample

SHELLS = {"bash": ["bash"], "dash": ["dash"], "busybox": ["busybox", "sh"]}
SHOWN = "".join(f"line {number}\n" for number in range(50_000))
MAX_WRITE = 31 * 4096
"""What arrives as one request wherever the caller's buffer lies: 32 pages, one of them cut."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, sample: Sample) -> Callable[[str], str]:
    """Runs a script in the sample's folder of files; returns what it printed."""
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here; install it: sudo apt install busybox-static")

    def run(script: str) -> str:
        done = subprocess.run(
            [*command, "-c", script],
            cwd=sample.files,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def errno_of(call: Callable[[], object]) -> int:
    with pytest.raises(OSError, match=r".*") as caught:
        call()
    assert caught.value.errno is not None
    return caught.value.errno


# -- shells ------------------------------------------------------------------------------------


def test_redirections(shell: Callable[[str], str], sample: Sample) -> None:
    assert shell("echo one > word; echo two three >> word; cat word") == "two three\n"
    told = [sample.told().split(" ")[:2] for _ in range(3)]
    assert told == [["truncated"], ["write", "4"], ["write", "10"]]


def test_readers(shell: Callable[[str], str]) -> None:
    assert shell("cat shown") == SHOWN
    assert shell("cat < shown; cat ../link/shown | cat") == SHOWN * 2
    assert shell("head -n 2 shown; tail -n 1 shown; grep -c line shown") == (
        "line 0\nline 1\nline 49999\n50000\n"
    )
    assert shell("wc -c < shown; read word < word; echo $word") == f"{len(SHOWN)}\nfirst\n"


def test_text_is_made_at_the_first_read(shell: Callable[[str], str]) -> None:
    assert shell("exec 3< word; echo new > word; cat <&3; cat word") == "new\nnew\n"


# -- reading and writing -----------------------------------------------------------------------


def test_rewinding_makes_the_text_anew(sample: Sample) -> None:
    with (sample.files / "word").open("rb", buffering=0) as file:
        assert file.read() == b"first\n"
        (sample.files / "word").write_text("second\n")
        assert file.read() == b""
        file.seek(0)
        assert file.read() == b"second\n"
        assert os.pread(file.fileno(), 3, 2) == b"con"


def test_sendfile(sample: Sample, tmp_path: Path) -> None:
    """Reads to the end of a file whose size is shown as 0."""
    source = os.open(sample.files / "shown", os.O_RDONLY)
    with (tmp_path / "copy").open("wb") as copy:
        while os.sendfile(copy.fileno(), source, None, 1 << 20):
            pass
    os.close(source)
    assert (tmp_path / "copy").read_text() == SHOWN


@pytest.mark.parametrize("size", [1, 4096, 4097, MAX_WRITE])
def test_one_write_is_one_store(sample: Sample, size: int) -> None:
    file = os.open(sample.files / "told", os.O_WRONLY)
    assert os.write(file, b"x" * size) == size
    os.close(file)
    assert sample.told() == f"told {size}"


def test_the_file_hears_who_asks(sample: Sample) -> None:
    with (sample.files / "word").open("ab") as file:
        file.write(b"x")
    assert sample.told() == f"write 1 {os.getuid()} {threading.get_native_id()}"


def test_store_may_take_a_part(sample: Sample) -> None:
    file = os.open(sample.files / "half", os.O_WRONLY)
    assert os.write(file, b"abcdef") == 3
    os.close(file)


@pytest.mark.usefixtures("as_root")
def test_root_reaches_the_file_itself(sample: Sample) -> None:
    assert errno_of((sample.files / "told").read_text) == errno.EINVAL
    assert errno_of(lambda: (sample.files / "shown").write_text("x")) == errno.EINVAL


def test_truncation(sample: Sample) -> None:
    kept, word = sample.files / "kept", sample.files / "word"
    assert errno_of(lambda: kept.write_text("x")) == errno.EBUSY
    with kept.open("a") as file:
        file.write("x")
    os.truncate(kept, 0)
    os.truncate(word, 5)
    assert (kept.read_text(), word.read_text()) == ("kept\n", "first\n")


def test_error_of_ours(sample: Sample) -> None:
    for _ in range(11):
        assert errno_of((sample.files / "broken").read_text) == errno.EINVAL
    assert (sample.files / "word").read_text() == "first\n"
    status, errors = sample.end()
    assert status == 0
    assert errors.count("\nValueError: broken on purpose") == 1
    request = rf"read /files/broken \d+ 0 flags=0o\d+ by .+\[{os.getpid()}\]"
    assert len(re.findall(f"{request} failed\n", errors)) == 1
    assert len(re.findall(rf"{request} failed: .*broken on purpose.* \(10 times\)", errors)) == 1


# -- names and attributes ----------------------------------------------------------------------


def test_listing(sample: Sample) -> None:
    names = ["word", "shown", "told", "half", "kept", "broken", "queue", "feed"]
    with os.scandir(sample.files) as entries:
        found = {entry.name: (entry.inode(), entry.is_file()) for entry in entries}
    assert list(found) == names
    assert found == {name: ((sample.files / name).stat().st_ino, True) for name in names}
    assert len({number for number, _ in found.values()} - {0}) == len(names)
    with os.scandir(sample.folder) as entries:
        kinds = {
            entry.name: (entry.is_dir(follow_symlinks=False), entry.is_symlink())
            for entry in entries
        }
    assert kinds == {"files": (True, False), "folders": (True, False), "link": (False, True)}


def test_attributes(sample: Sample) -> None:
    shown = (sample.files / "shown").stat()
    assert (stat.filemode(shown.st_mode), shown.st_size, shown.st_nlink) == ("-r--r-----", 0, 1)
    assert (shown.st_uid, shown.st_gid) == (os.getuid(), os.getgid())
    with (sample.files / "shown").open() as file:
        assert os.fstat(file.fileno()) == shown
    assert (sample.files / "queue").stat().st_size == 1 << 40
    assert stat.filemode(sample.folder.stat().st_mode) == "drwxr-xr-x"
    assert os.readlink(sample.folder / "link") == "files"


def test_chmod_and_chown(sample: Sample) -> None:
    word = sample.files / "word"
    word.chmod(0o604)
    os.chown(word, -1, os.getgid())
    os.utime(word)
    assert word.stat().st_mode & 0o777 == 0o604


def test_folders_that_can_be_made(sample: Sample) -> None:
    folders = sample.folder / "folders"
    (folders / "busy").mkdir()
    (folders / "gone").mkdir()
    assert errno_of((folders / "busy").mkdir) == errno.EEXIST
    with (folders / "busy/holds").open(), (folders / "gone/lets go").open():
        assert errno_of((folders / "busy").rmdir) == errno.EBUSY
        (folders / "gone").rmdir()
    assert [path.name for path in folders.iterdir()] == ["busy"]
    assert errno_of((folders / "gone").rmdir) == errno.ENOENT
    deadline = time.monotonic() + 5
    while (folders / "busy").exists() and time.monotonic() < deadline:
        with suppress(OSError):  # FUSE tells of a close when it has time
            (folders / "busy").rmdir()
    assert not (folders / "busy").exists()


REFUSED: dict[str, tuple[Callable[[Path], object], int]] = {
    "create": (lambda files: (files / "new").write_text("x"), errno.EACCES),
    "mkdir": (lambda files: (files / "new").mkdir(), errno.EPERM),
    "rmdir": (lambda files: files.rmdir(), errno.EPERM),
    "rmdir of a file": (lambda files: (files / "word").rmdir(), errno.ENOTDIR),
    "unlink": (lambda files: (files / "word").unlink(), errno.EPERM),
    "rename": (lambda files: (files / "word").rename(files / "new"), errno.EPERM),
    "symlink": (lambda files: (files / "new").symlink_to("word"), errno.EPERM),
    "link": (lambda files: os.link(files / "word", files / "new"), errno.EPERM),
    "mkfifo": (lambda files: os.mkfifo(files / "new"), errno.EPERM),
    "write to a folder": (lambda files: files.write_text("x"), errno.EISDIR),
    "nothing there": (lambda files: (files / "nothing").read_text(), errno.ENOENT),
    "below a file": (lambda files: (files / "word" / "x").read_text(), errno.ENOTDIR),
    "setxattr": (lambda files: os.setxattr(files / "word", "user.x", b"x"), errno.EOPNOTSUPP),
    "fsync": (lambda files: os.fsync(os.open(files / "word", os.O_RDONLY)), errno.EINVAL),
    "ioctl": (lambda files: os.get_terminal_size(os.open(files / "word", 0)), errno.ENOTTY),
}


def test_refused(sample: Sample) -> None:
    for name, (call, code) in REFUSED.items():
        assert (name, errno_of(partial(call, sample.files))) == (name, code)


@pytest.mark.usefixtures("as_root")
def test_other_users_stay_outside(sample: Sample) -> None:
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", sample.folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Permission denied" in done.stderr


class BrokenPace:
    def catch_up(self) -> None:
        raise ArithmeticError

    def settle(self) -> None:
        pass


@pytest.mark.usefixtures("machine_can_mount")
def test_who_waits_for_the_lab_is_told_whatever_time_does() -> None:
    from tracefs_fuse.files.node import Directory
    from tracefs_fuse.fuse_adapter import LabOperations
    from tracefs_fuse.tracing.wait_queue import WaitQueue

    lock = threading.RLock()
    told: list[str] = []
    operations = LabOperations(
        Directory({}), lock, WaitQueue(lock), BrokenPace(), partial(told.append, "ready")
    )
    operations("init", "/")
    assert told == ["ready"]
    assert errno_of(partial(operations, "readdir", "/", None)) == errno.EINVAL


@pytest.mark.parametrize(("kernel", "sysfs"), [("6.1", errno.EFBIG), ("7.3", 0)])
def test_sizes_have_limits(mount_lab: MountLab, kernel: str, sysfs: int) -> None:
    lab = mount_lab("--kernel", kernel, "--workload", "idle")
    largest = (1 << 31) - 1
    for path, refusal in (
        ("sys/kernel/tracing/tracing_on", errno.EFBIG),
        ("sys/kernel/tracing/events/enable", errno.EFBIG),
        ("sys/kernel/mm/transparent_hugepage/enabled", sysfs),
        ("proc/sys/kernel/kptr_restrict", errno.EFBIG),
    ):
        os.truncate(lab / path, largest)
        size = (lab / path).stat().st_size
        assert refusal_of(partial(os.truncate, lab / path, largest + 1)) == refusal
        assert (lab / path).stat().st_size == size
    assert (lab / "sys/kernel/tracing/tracing_on").stat().st_size == largest


@pytest.mark.parametrize(
    ("folder", "syncing", "long_name"),
    [
        ("sys", errno.EINVAL, errno.ENOENT),
        ("sys/kernel", errno.EINVAL, errno.ENOENT),
        ("sys/kernel/debug", 0, errno.ENAMETOOLONG),
        ("sys/kernel/tracing", 0, errno.ENAMETOOLONG),
        ("sys/devices/system/cpu", errno.EINVAL, errno.ENOENT),
    ],
)
def test_folders_of_file_systems(
    mount_lab: MountLab, folder: str, syncing: int, long_name: int
) -> None:
    path = mount_lab("--workload", "idle") / folder
    descriptor = os.open(path, os.O_RDONLY)
    assert refusal_of(partial(os.fsync, descriptor)) == syncing
    os.close(descriptor)
    assert refusal_of(partial(os.lstat, path / ("x" * 300))) == long_name


def refusal_of(call: Callable[[], object]) -> int | None:
    """The errno of a call, 0 when it is obeyed."""
    try:
        call()
    except OSError as error:
        return error.errno
    return 0
