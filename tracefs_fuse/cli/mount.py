"""``tracefs-fuse mount``: mount a lab and serve it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from tracefs_fuse.cli.daemon import Service, serve_here, serve_in_background
from tracefs_fuse.cli.lab_options import add_lab_options, lab_options, life_of
from tracefs_fuse.cli.log import add_log_options, log_options
from tracefs_fuse.cli.mount_point import folder_named, mount_point
from tracefs_fuse.cli.mounts import lab_of_this_shell
from tracefs_fuse.cli.problems import check_allow_other, check_machine

_INVITATION = """\
The lab is on {folder} (kernel {kernel}, {life}). Try:

  cd {tree}/events/huge_memory/mm_khugepaged_scan_pmd
  echo 'hist:keys=status:sort=hitcount' > trigger
  echo 1 > enable
  sleep 10; cat hist
"""
_ALREADY = (
    "The lab is already on {folder} (process {daemon}), with the options that it began with; "
    "--unmount ends it."
)
_SHELLS = "\nThis shell alone sees it, and it ends with this shell.\n"


def add_parser(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "mount",
        help="mount a lab",
        description="Mount a lab on DIR, which is made if it is missing, and go on in the "
        "background.",
        epilog="example: tracefs-fuse mount --kernel 7.3 --workload idle /tmp/lab",
    )
    parser.add_argument("folder", metavar="DIR", type=folder_named, help="where to mount the lab")
    add_lab_options(parser)
    parser.add_argument("--foreground", action="store_true", help="serve until Ctrl-C")
    parser.add_argument(
        "--allow-other",
        action="store_true",
        help="let other users in, as far as the modes of files do",
    )
    add_log_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_machine()
    if options.allow_other:
        check_allow_other()
    made_of = lab_options(options)
    folder: Path = options.folder
    with mount_point(folder) as place:
        if place.lab is not None:
            print(_ALREADY.format(folder=folder, daemon=place.lab.daemon))
            return 0
        invitation = _INVITATION.format(
            folder=folder,
            tree=shlex.quote(f"{folder}/sys/kernel/tracing"),
            kernel=options.kernel,
            life=life_of(options),
        )
        service = Service(folder, log_options(options), options.allow_other)
        if options.foreground:
            return serve_here(
                made_of, service, lambda remark: print(invitation + remark, flush=True)
            )
        shells = lab_of_this_shell()
        remark = serve_in_background(
            made_of,
            service,
            until=shells.daemon if shells is not None else None,
            given_up=place.give_up,
        )
        folder.stat()
        told = invitation + (_SHELLS if shells is not None else "") + remark
        print(told, end="", flush=True)  # a lab that nobody hears of is given up
    return 0
