"""Serves a lab that others may enter: ``python -m tests.conformance.calls.serve KERNEL DIR``."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path

from tests.fuse.serve_sample import detach
from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.mounts import source_of
from tracefs_fuse.fuse_adapter import LabOperations, serve


def main(kernel: str, folder: str) -> None:
    logging.basicConfig()
    Path(folder).mkdir()
    lab = build_lab(LabOptions(kernel=kernel, cpus=1, workload="idle"))

    def begin() -> None:
        lab.pace.start()
        print("ready", flush=True)

    operations = LabOperations(lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace, begin)
    serve(operations, folder, source_of(os.getpid()), partial(detach, folder), for_all=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
