"""Processes of several threads each, so that the clients' interpreter is not what limits them."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import threading
import traceback
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.load.client import Board, Client, Job

_FORK = multiprocessing.get_context("fork")


@dataclass
class Done:
    """What a thread has to tell."""

    job: Job
    """With what it counted."""

    counts: Counter[str]
    errors: Counter[str]
    slowest: dict[str, float]
    failure: str = ""


class Crew:
    """One process; begins at once."""

    def __init__(
        self, jobs: list[Job], mount: Path, board: Board, first_slot: int, seed: str, stacks: Path
    ) -> None:
        """stacks: where it writes what its threads do when it is told to by SIGUSR1."""
        self._connection, other = _FORK.Pipe()
        clients = [
            Client(mount, board, first_slot + number, f"{seed} {number}")
            for number in range(len(jobs))
        ]
        arguments = other, jobs, clients, stacks
        self._process = _FORK.Process(target=_work, args=arguments, daemon=True)
        self._process.start()
        other.close()

    def tell_stacks(self) -> None:
        """Have it write what its threads do."""
        if self._process.is_alive():
            os.kill(self._process.pid or 0, signal.SIGUSR1)

    def done(self, patience: float) -> list[Done] | None:
        """What the threads tell once all are through; None when that takes too long."""
        if not self._connection.poll(patience):
            return None
        done: list[Done] = self._connection.recv()
        self._process.join()
        return done

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _work(connection: Connection, jobs: list[Job], clients: list[Client], stacks: Path) -> None:
    with stacks.open("a") as file:
        faulthandler.register(signal.SIGUSR1, file)
        done = [
            Done(job, c.counts, c.errors, c.slowest) for job, c in zip(jobs, clients, strict=True)
        ]
        threads = [
            threading.Thread(target=_run, args=(told, client))
            for told, client in zip(done, clients, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.send(done)


def _run(told: Done, client: Client) -> None:
    try:
        told.job(client)
    except Exception:
        told.failure = traceback.format_exc()
