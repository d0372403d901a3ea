"""Putting a lab together: engine, tracing core, trees."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

from engine import Machine
from engine.tracepoints import PROCESS_TRACEPOINTS, TRACEPOINTS
from engine.workloads.scenes import play_one
from tracefs_fuse.cli.pace import Pace
from tracefs_fuse.cli.scene_document import knob_writer
from tracefs_fuse.files.node import Directory
from tracefs_fuse.files.root import root_tree
from tracefs_fuse.tracing.events import huge_memory
from tracefs_fuse.tracing.tracing import SCHED, Tracing


@dataclass(frozen=True)
class LabOptions:
    """What a lab is made of."""

    kernel: str = "6.12"
    cpus: int = 4
    workload: str = "article"
    seed: int = 0
    scene: tuple[str, ...] = ()
    """Steps of a scene that is played each second, in the place of the workload."""

    speed: float = 10.0
    """Virtual seconds in a real one."""

    inject: bool = True
    """Events have a file ``inject``."""

    for_shell: bool = False
    """Its ``/proc`` takes the place of the machine's."""


@dataclass(frozen=True)
class Lab:
    """A lab, ready to be served."""

    machine: Machine
    tracing: Tracing
    pace: Pace
    root: Directory


def build_lab(options: LabOptions) -> Lab:
    """Make a lab; nothing runs until its pace is started.

    Raises UnknownStep for a scene with a step that is none.
    """
    lock = threading.RLock()
    workload = "idle" if options.scene else options.workload
    is_article = workload == "article"
    machine = Machine(
        version=options.kernel,
        cpus=options.cpus,
        seed=options.seed,
        workload=workload,
        lock=lock,
    )
    if options.scene:
        play_one(machine, options.scene, knob_writer(machine))
    tracing = Tracing(
        options.kernel,
        machine.scheduler,
        cpus=options.cpus,
        seed=options.seed,
        lock=lock,
        inject=options.inject,
        first_id=huge_memory.ARTICLE_FIRST_ID.get(options.kernel) if is_article else None,
    )
    systems = {huge_memory.SYSTEM: TRACEPOINTS, SCHED: PROCESS_TRACEPOINTS}
    for system, tracepoints in systems.items():
        for name, prototype in tracepoints.items():
            tracing.attach(
                system,
                name,
                prototype,
                partial(setattr, machine.trace, name),
                getattr(machine.trace, name),
            )
    root = root_tree(tracing, machine, for_shell=options.for_shell)
    return Lab(machine, tracing, Pace(machine, options.speed), root)
