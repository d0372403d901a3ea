"""Where scenes are read from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, TRACEFS_FUSE, run_command


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "can't be read: No such file or directory"),
        (b"\xff", "can't be read: 'utf-8' codec can't decode .*"),
        (b"#" * ((1 << 24) + 1), "is too long for a scene"),
        (b"map anon 1\nwink\n", "'wink': no such word; .*"),
        (b"{", "is no document of recorded scenes: .*"),
    ],
    ids=["missing", "binary", "endless", "unknown word", "half a document"],
)
def test_what_is_no_scene(tmp_path: Path, content: bytes | None, fault: str) -> None:
    file = tmp_path / "scene"
    if content is not None:
        file.write_bytes(content)
    done = run_command("scene", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"tracefs-fuse: {file}:? {fault}\n", done.stderr)


def test_standard_input_stays_open(machine_can_mount: None) -> None:
    """A shell whose scene was typed goes on to read commands there."""
    done = subprocess.run(
        [*TRACEFS_FUSE, "shell", "--scene", "-", "--", "cat"],
        input="map anon 1\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
