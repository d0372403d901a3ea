"""Serving a lab, here or from a process in the background."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tracefs_fuse.cli.lab import LabOptions, build_lab
from tracefs_fuse.cli.log import LogOptions, log_file, open_log, write_log
from tracefs_fuse.cli.mounts import mount_at, source_of
from tracefs_fuse.cli.problems import Problem, advised, in_words

_READY = b"ready\n"
_STANDARD_ERRORS = 2
_MOST_SAID = 4096
"""Bytes of complaints that are passed on."""


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
    Raises Problem when the lab does not start, with what libfuse complains about until then.
    """
    file = service.log.file
    errors = os.dup(_STANDARD_ERRORS)
    write_log(open_log(file) if file else errors, verbose=service.log.verbose)
    complaints = os.memfd_create("complaints")

    def said() -> bytes:
        return os.pread(complaints, _MOST_SAID, 0)

    def answered(remark: str) -> None:
        os.dup2(errors, _STANDARD_ERRORS)
        os.write(errors, said())
        started(remark)

    os.dup2(complaints, _STANDARD_ERRORS)
    try:
        return _serve(made_of, service, answered)
    except Problem as problem:
        raise Problem(_in_a_line(said() + os.fsencode(str(problem)))) from None
    finally:
        os.dup2(errors, _STANDARD_ERRORS)
        os.close(complaints)


def serve_in_background(
    made_of: LabOptions,
    service: Service,
    *,
    until: int | None = None,
    given_up: Callable[[], None] = lambda: None,
) -> str:
    """Serve a lab from a process of its own; returns once the lab answers, with what there is to
    say of its workload.

    until: the lab ends with this process, whatever that has become by then.
    given_up: done by the other process when it ends before the lab answers: this one may be gone.
    Raises Problem when the lab does not start: until it answers, whatever the other process and
    libfuse complain about comes here.
    """
    log_path = service.log.file or log_file()
    log = open_log(log_path)
    watched = os.pidfd_open(until) if until is not None else None
    news, tell = os.pipe()

    def be_the_lab() -> None:
        status, has_answered = 1, False

        def answered(remark: str) -> None:
            nonlocal has_answered
            _tell_ready(log, remark)
            has_answered = True

        try:
            os.setsid()
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            _redirect({0: null, 1: null, 2: tell})
            _close_all_but(0, 1, 2, log, watched)
            # the lab is nobody's child: who starts it may wait for children
            if os.fork() != 0:
                os._exit(0)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            write_log(log, verbose=service.log.verbose)
            if watched is not None:
                threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
            status = _serve(made_of, service, answered)
        except BrokenPipeError:
            pass  # nobody is there to be told
        except Problem as problem:
            os.write(2, os.fsencode(f"{problem}\n"))
        except OSError as error:
            os.write(2, os.fsencode(f"{in_words(error)}\n"))
        except Exception:
            logging.getLogger(__name__).exception("the lab on %s ended", service.folder)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            if not has_answered:
                given_up()
            os._exit(status)

    # a signal that raises would be lost in what Python does around fork(2)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        child = os.fork()
        if child == 0:
            be_the_lab()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.waitpid(child, 0)
    for descriptor in (tell, log, watched):
        if descriptor is not None:
            os.close(descriptor)
    with os.fdopen(news, "rb") as stream:
        said = stream.read()
    if not said.endswith(_READY):
        raise Problem(_in_a_line(said) or f"the lab did not start; see {log_path}")
    return said.removesuffix(_READY).decode(errors="replace")


def _in_a_line(said: bytes) -> str:
    """What libfuse and then this process said of a lab that did not start, and what to do."""
    faults = os.fsdecode(said).split("\n")
    return advised(": ".join(reversed([line for line in faults if line])))


def _serve(made_of: LabOptions, service: Service, started: Callable[[str], None]) -> int:
    from tracefs_fuse.fuse_adapter import LabOperations, serve
    from tracefs_fuse.request_log import LoggedOperations

    threading.excepthook = _end_for_fault
    lab = build_lab(made_of)
    faults: list[Exception] = []

    def begin() -> None:
        try:
            lab.pace.start()
            started(lab.machine.remark)
        except RuntimeError as fault:
            faults.append(Problem(f"no thread is to be had ({fault}); raise the limit: ulimit -u"))
            _end()
        except Exception as fault:  # nobody there to be told
            faults.append(fault)
            _end()

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


def _redirect(targets: dict[int, int]) -> None:
    for target, source in targets.items():
        os.dup2(source, target)


def _close_all_but(*kept: int | None) -> None:
    """Close files of the starting process, some of which its caller may wait to see closed."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with suppress(OSError):  # of the listing itself
                os.close(int(name))
