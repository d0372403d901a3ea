"""Serving a lab, here or from a process in the background."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.cli.problems import Problem

_READY = b"ready\n"
_LOG = "tracefs-fuse/log"
_LOG_FORMAT = "%(asctime)s %(name)s: %(message)s"


def log_file() -> Path:
    """Where a lab in the background writes its own errors."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / _LOG


def serve_here(made_of: LabOptions, folder: Path, started: Callable[[str], None]) -> int:
    """Serve a lab until it is unmounted; its errors are written to standard errors.

    started: told, once the lab answers, what there is to say of its workload.
    """
    logging.basicConfig(format=_LOG_FORMAT)
    return _serve(made_of, folder, started)


def serve_in_background(made_of: LabOptions, folder: Path, *, for_me: bool = False) -> str:
    """Serve a lab from a process of its own; returns once the lab answers, with what there is to
    say of its workload.

    for_me: the lab ends with this process, whatever that has become by then.  It is in a mount
    namespace of our own, where other users may look into it.
    Raises Problem when the lab does not start: until it answers, whatever the other process and
    libfuse complain about comes here.
    """
    news, tell = os.pipe()
    log = _open_log()
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
            logging.basicConfig(format=_LOG_FORMAT, stream=os.fdopen(log, "w", buffering=1))
            if me is not None:
                threading.Thread(target=_end_with, args=(me,), daemon=True).start()
            status = _serve(
                made_of, folder, lambda remark: _tell_ready(log, remark), for_all=for_me
            )
        except Problem as problem:
            os.write(2, f"{problem}\n".encode())
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", folder)
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
        raise Problem(fault or f"the lab did not start; see {log_file()}")
    return said.removesuffix(_READY).decode(errors="replace")


def _serve(
    made_of: LabOptions, folder: Path, started: Callable[[str], None], *, for_all: bool = False
) -> int:
    from tracefs_fuse.fuse_adapter import LabOperations, serve

    lab = build_lab(made_of)

    def begin() -> None:
        lab.pace.start()
        started(lab.machine.remark)

    operations = LabOperations(lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace, begin)
    try:
        source = source_of(os.getpid())
        serve(operations, str(folder), source, lambda: _detach(folder), for_all=for_all)
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


def _open_log() -> int:
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise Problem(
            f"{path} can't be written ({error.strerror}); set XDG_STATE_HOME to another folder"
        ) from None


def _redirect(targets: dict[int, int], closing: list[int]) -> None:
    for target, source in targets.items():
        os.dup2(source, target)
    for descriptor in closing:
        os.close(descriptor)
