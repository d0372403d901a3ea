"""Serving a lab, here or from a process in the background."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.cli.problems import Problem, advised, in_words

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


def serve_in_background(
    made_of: LabOptions,
    folder: Path,
    *,
    until: int | None = None,
    for_all: bool = False,
    given_up: Callable[[], None] = lambda: None,
) -> str:
    """Serve a lab from a process of its own; returns once the lab answers, with what there is to
    say of its workload.

    until: the lab ends with this process, whatever that has become by then.
    for_all: other users may look into it.
    given_up: done by the other process when this one ends before the lab answers.
    Raises Problem when the lab does not start: until it answers, whatever the other process and
    libfuse complain about comes here.
    """
    log = _open_log()
    watched = os.pidfd_open(until) if until is not None else None
    news, tell = os.pipe()
    if (child := os.fork()) == 0:
        status = 1
        try:
            os.setsid()
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            _redirect({0: null, 1: null, 2: tell})
            _close_all_but(0, 1, 2, log, watched)
            if os.fork() != 0:  # the lab is nobody's child: who starts it may wait for children
                os._exit(0)
            logging.basicConfig(format=_LOG_FORMAT, stream=os.fdopen(log, "w", buffering=1))
            if watched is not None:
                threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
            status = _serve(
                made_of, folder, lambda remark: _tell_ready(log, remark), for_all=for_all
            )
        except BrokenPipeError:
            given_up()
        except Problem as problem:
            os.write(2, os.fsencode(f"{problem}\n"))
        except OSError as error:
            os.write(2, os.fsencode(f"{in_words(error)}\n"))
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", folder)
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    for descriptor in (tell, log, watched):
        if descriptor is not None:
            os.close(descriptor)
    with os.fdopen(news, "rb") as stream:
        said = stream.read()
    if not said.endswith(_READY):
        faults = os.fsdecode(said).split("\n")
        fault = ": ".join(reversed([line for line in faults if line]))
        raise Problem(advised(fault) or f"the lab did not start; see {log_file()}")
    return said.removesuffix(_READY).decode(errors="replace")


def _serve(
    made_of: LabOptions, folder: Path, started: Callable[[str], None], *, for_all: bool = False
) -> int:
    from tracefs_fuse.fuse_adapter import LabOperations, serve

    threading.excepthook = _end_for_fault
    lab = build_lab(made_of)
    faults = []

    def begin() -> None:
        try:
            lab.pace.start()
            started(lab.machine.remark)
        except Exception as fault:  # no room for a thread, nobody there to be told
            faults.append(fault)
            _end()

    operations = LabOperations(lab.root, lab.tracing.lock, lab.tracing.readers, lab.pace, begin)
    try:
        source = source_of(os.getpid())
        serve(operations, str(folder), source, lambda: _detach(folder), for_all=for_all)
    except RuntimeError:
        _detach(folder)
        raise Problem(f"{folder} could not be mounted") from None
    finally:
        lab.pace.stop()
    if faults:
        raise faults[0]
    return 0


def _detach(folder: Path) -> None:
    mount = mount_at(folder)
    if mount is not None and mount.source == source_of(os.getpid()):
        mount.detach()


def _end_with(process: int) -> None:
    """End the lab once a process is gone, of which there is a descriptor."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # the main thread's to take
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.poll()
    _end()


def _end_for_fault(fault: threading.ExceptHookArgs) -> None:
    """End the lab, whose readers would wait for ever for the thread that had a fault."""
    assert fault.exc_value is not None
    logging.getLogger(__name__).error("the lab ends", exc_info=fault.exc_value)
    _end()


def _end() -> None:
    """End the lab as a signal would."""
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


def _redirect(targets: dict[int, int]) -> None:
    for target, source in targets.items():
        os.dup2(source, target)


def _close_all_but(*kept: int | None) -> None:
    """Close files of the starting process, some of which its caller may wait to see closed."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with suppress(OSError):  # of the listing itself
                os.close(int(name))
