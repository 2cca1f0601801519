"""The work that everybody does in a benchmark, and how its cost is taken.

Standard library only, because peers import it in environments of their own.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

#: Readers of one event in `fan_out`.
SUBSCRIBERS: Final = 20
#: Bound of every queue that takes a bound.
QUEUE: Final = 1024
#: asyncio.Tasks that drain the ready tasks of a graph, where the framework leaves that to its user.
WORKERS: Final = 16

#: Runs of a graph in one repetition.
GRAPHS: Final = 5

RowName = Literal["publish", "fan_out", "request", "graph"]
ROWS: Final[tuple[RowName, ...]] = ("publish", "fan_out", "request", "graph")
UNITS: Final[dict[str, str]] = {
    "publish": "event",
    "fan_out": "delivery",
    "request": "round trip",
    "graph": "task",
    "full": "task",
}


@dataclass(frozen=True, slots=True)
class Node:
    """One no-op task of a graph, and the ids of those that it waits for."""

    id: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each work is done in one repetition.

    Attributes:
        publish: events to one reader.
        fan_out: events to `SUBSCRIBERS` readers each.
        request: round trips, one after the other.
        layers, width: of the graph.
    """

    publish: int = 20_000
    fan_out: int = 2_000
    request: int = 5_000
    layers: int = 20
    width: int = 50

    def count(self, row: str) -> int:
        """Return how many units the cost of a row is divided by."""
        counts = {"publish": self.publish, "fan_out": self.fan_out * SUBSCRIBERS, "request": self.request}
        return counts.get(row, self.layers * self.width)


#: Small enough for a test or a warm-up.
TINY: Final = Sizes(publish=40, fan_out=4, request=10, layers=3, width=4)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a measured section took: seconds of CPU of this process (all threads, user and system), and of wall."""

    cpu_s: float
    wall_s: float


class Meter:
    """Takes the cost of a `with` block."""

    def __init__(self) -> None:
        self.cost = Cost(0.0, 0.0)

    def __enter__(self) -> Self:
        self._begun = time.process_time(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        cpu, wall = self._begun
        self.cost = Cost(time.process_time() - cpu, time.perf_counter() - wall)


Count = Callable[[int], Coroutine[Any, Any, Cost]]
Graph = Callable[[Sequence[Node]], Coroutine[Any, Any, Cost]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Someone who does the work; each function prepares, does it under a `Meter`, checks it, and returns the cost."""

    name: str
    publish: Count
    fan_out: Count
    request: Count
    graph: Graph


def layered_graph(layers: int, width: int) -> tuple[Node, ...]:
    """Return `layers` times `width` tasks; each waits for two of the layer before."""
    return tuple(
        Node(
            f"t{layer}-{place}",
            tuple(dict.fromkeys(f"t{layer - 1}-{p % width}" for p in (place, place + 1))) if layer else (),
        )
        for layer in range(layers)
        for place in range(width)
    )


def take_cost(contestant: Contestant, row: RowName, sizes: Sizes) -> Cost:
    """Run one repetition of one row in a fresh event loop, with the garbage of the one before collected."""
    if row == "graph":
        return take_graph(contestant.graph, sizes)
    gc.collect()
    works: dict[str, Count] = {
        "publish": contestant.publish,
        "fan_out": contestant.fan_out,
        "request": contestant.request,
    }
    return asyncio.run(works[row](getattr(sizes, row)))


def take_graph(graph: Graph, sizes: Sizes) -> Cost:
    """Return the least that a graph took in `GRAPHS` runs, each in a fresh event loop.

    A run is short, and a neighbour on the same core can double it: the least is what the work itself takes.
    """
    nodes = layered_graph(sizes.layers, sizes.width)
    costs = []
    for _ in range(GRAPHS):
        gc.collect()
        costs.append(asyncio.run(graph(nodes)))
    return min(costs, key=lambda cost: cost.cpu_s)


def require(right: object, what: str) -> None:
    """Refuse to report the cost of work that was not done.

    Raises:
        RuntimeError: if `right` is false.
    """
    if not right:
        raise RuntimeError(f"the work was not done as stated: {what}")
