"""Permission bits as generic_permission() reads them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from tracefs_fuse.files.node import Directory, Node, Request, TextFile
from tracefs_fuse.files.permission import check_permission, check_setattr

OWNER = (1000, 100)
NOBODY_RUNS = 1 << 30
"""A pid that no process has: whoever asks has no capabilities."""

ROOT, USER, GROUP, OTHER = (0, 0), (1000, 7), (7, 100), (7, 7)
R, W, X = os.R_OK, os.W_OK, os.X_OK


def asks(who: tuple[int, int]) -> Request:
    return Request(NOBODY_RUNS, *who)


@pytest.mark.parametrize(
    ("who", "mode", "wanted", "allowed"),
    [
        (USER, 0o640, R | W, True),
        (USER, 0o440, W, False),
        (USER, 0o077, R, False),  # the owner's bits count even where others have more
        (GROUP, 0o640, R, True),
        (GROUP, 0o640, W, False),
        (OTHER, 0o640, R, False),
        (OTHER, 0o644, R, True),
        (OTHER, 0o644, R | W, False),
        (ROOT, 0o000, R | W, True),
        (ROOT, 0o640, X, False),
        (ROOT, 0o010, X, True),
    ],
)
def test_file(who: tuple[int, int], mode: int, wanted: int, allowed: bool) -> None:
    assert refusal(TextFile(mode), who, wanted) == (0 if allowed else errno.EACCES)


@pytest.mark.parametrize(
    ("who", "mode", "allowed"), [(ROOT, 0o000, True), (USER, 0o700, True), (OTHER, 0o750, False)]
)
def test_folder_is_passed_with_execute(who: tuple[int, int], mode: int, allowed: bool) -> None:
    assert refusal(Directory({}, mode), who, X) == (0 if allowed else errno.EACCES)


def refusal(node: Node, who: tuple[int, int], wanted: int) -> int | None:
    """The errno of a refusal, 0 for none."""
    try:
        check_permission(node, OWNER, asks(who), wanted)
    except OSError as error:
        return error.errno
    return 0


WITHOUT_RIGHTS = [] if os.getuid() else ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def test_a_name_gives_no_rights() -> None:
    """A process may have a name that looks like lines of its status."""
    name = r"\fGroups:54321"
    rename = f"open('/proc/self/comm', 'w').write('{name}'); print(flush=True); input()"
    command = [*WITHOUT_RIGHTS, sys.executable, "-c", rename]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(PermissionError) as caught:
            check_permission(TextFile(0o640), (1000, 54321), Request(process.pid, *OTHER), R)
        process.communicate(b"\n")
    assert caught.value.errno == errno.EACCES


@pytest.mark.parametrize(
    ("who", "new_owner", "allowed"),
    [
        (USER, None, True),
        (USER, OWNER, True),
        (USER, (7, 100), False),
        (OTHER, None, False),
        (ROOT, (7, 7), True),
    ],
)
def test_setattr(who: tuple[int, int], new_owner: tuple[int, int] | None, allowed: bool) -> None:
    if allowed:
        check_setattr(OWNER, asks(who), new_owner)
    else:
        with pytest.raises(PermissionError) as caught:
            check_setattr(OWNER, asks(who), new_owner)
        assert caught.value.errno == errno.EPERM
