"""What the processes of a machine do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.workloads import article, idle, results

if TYPE_CHECKING:
    from engine.machine import Machine


@dataclass(frozen=True)
class Workload:
    """A kind of life."""

    description: str
    begin: Callable[[Machine], None]
    """Makes the processes and starts them."""


WORKLOADS = {
    "article": Workload(
        "a server's usual mix, in which every common result is seen", article.begin
    ),
    "idle": Workload("processes that do nothing, and nothing for khugepaged to do", idle.begin),
    "results": Workload(
        "every way in which a collapse can end, one after the other", results.begin
    ),
}
