"""Serving a lab, here or from a process in the background."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.log import LogOptions, log_file, open_log, write_log
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.cli.problems import Problem

_READY = b"ready\n"
_STANDARD_ERRORS = 2


@dataclass(frozen=True)
class Service:
    """How a lab is served."""

    folder: Path
    """Where it is mounted."""

    log: LogOptions
    for_all: bool
    """Other users may look into it, as far as the modes of its files let them."""


def serve_here(made_of: LabOptions, service: Service, started: Callable[[str], None]) -> int:
    """Serve a lab until it is unmounted; its log is standard errors, or the file that is asked for.

    started: told, once the lab answers, what there is to say of its workload.
    """
    file = service.log.file
    write_log(open_log(file) if file else _STANDARD_ERRORS, verbose=service.log.verbose)
    return _serve(made_of, service, started)


def serve_in_background(made_of: LabOptions, service: Service, *, for_me: bool = False) -> str:
    """Serve a lab from a process of its own; returns once the lab answers, with what there is to
    say of its workload.

    for_me: the lab ends with this process, whatever that has become by then.
    Raises Problem when the lab does not start: until it answers, whatever the other process and
    libfuse complain about comes here.
    """
    news, tell = os.pipe()
    log_path = service.log.file or log_file()
    log = open_log(log_path)
    me = os.pidfd_open(os.getpid()) if for_me else None
    if (child := os.fork()) == 0:
        if os.fork() != 0:  # the lab is nobody's child: who starts it may wait for children
            os._exit(0)
        status = 1
        try:
            os.setsid()
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            _redirect({0: null, 1: null, 2: tell}, closing=[news, tell, null])
            write_log(log, verbose=service.log.verbose)
            if me is not None:
                threading.Thread(target=_end_with, args=(me,), daemon=True).start()
            status = _serve(made_of, service, lambda remark: _tell_ready(log, remark))
        except Problem as problem:
            os.write(2, f"{problem}\n".encode())
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", service.folder)
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    for descriptor in (tell, log, me):
        if descriptor is not None:
            os.close(descriptor)
    with os.fdopen(news, "rb") as stream:
        said = stream.read()
    if not said.endswith(_READY):
        faults = said.decode(errors="replace").split("\n")
        fault = ": ".join(reversed([line for line in faults if line]))
        raise Problem(fault or f"the lab did not start; see {log_path}")
    return said.removesuffix(_READY).decode(errors="replace")


def _serve(made_of: LabOptions, service: Service, started: Callable[[str], None]) -> int:
    from tracefs_fuse.fuse_adapter import LabOperations, serve
    from tracefs_fuse.request_log import LoggedOperations

    lab = build_lab(made_of)

    def begin() -> None:
        lab.pace.start()
        started(lab.machine.remark)

    operations = LabOperations(lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace, begin)
    folder = service.folder
    try:
        serve(
            LoggedOperations(operations) if service.log.verbose else operations,
            str(folder),
            source_of(os.getpid()),
            lambda: _detach(folder),
            for_all=service.for_all,
        )
    except RuntimeError:
        raise Problem(f"{folder} could not be mounted") from None
    finally:
        lab.pace.stop()
    return 0


def _detach(folder: Path) -> None:
    mount = mount_at(folder)
    if mount is not None and mount.source == source_of(os.getpid()):
        mount.detach()


def _end_with(process: int) -> None:
    """End the lab as a signal would once a process is gone, of which there is a descriptor."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _tell_ready(log: int, remark: str) -> None:
    """Standard errors are the pipe to the starting process: say so there, then use the log."""
    os.write(2, b"\n".join([remark.encode(), _READY]) if remark else _READY)
    os.dup2(log, 2)


def _redirect(targets: dict[int, int], closing: list[int]) -> None:
    for target, source in targets.items():
        os.dup2(source, target)
    for descriptor in closing:
        os.close(descriptor)
