"""Commands that meet a fault: running them, and what they say of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

ENDS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
"""Signals that end a process."""

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to prepare a machine")


def run(*words: str | bytes | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def prepared(*steps: str) -> list[str]:
    """Words that have a command run in a mount namespace of its own after a few steps."""
    return ["unshare", "--mount", "sh", "-euc", "\n".join([*steps, 'exec "$@"']), "sh"]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line in which a command says what is wrong."""
    assert (done.returncode, done.stdout) == (1, ""), done
    assert re.fullmatch(r"(tracefs-fuse|mount\.sh): [^\n]+\n", done.stderr), done.stderr
    return done.stderr.partition(": ")[2].rstrip("\n")
