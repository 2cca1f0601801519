"""The typed floor: asyncio, with pydantic validating each event and networkx holding the graph.

It is what a careful user would write without a framework: typed and bounded, but with no journal, no dead letters, no
statistics and no priorities.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import networkx as nx
from pydantic import BaseModel, ConfigDict

from benchmarks.bare import do_nothing
from benchmarks.work import QUEUE, SUBSCRIBERS, WORKERS, Contestant, Cost, Meter, Node, require


class Event(BaseModel):
    """A typed event, validated whenever one is made."""

    model_config = ConfigDict(frozen=True)

    id: int
    topic: str
    body: dict[str, int]


async def publish(n: int) -> Cost:
    """Make and queue `n` validated events for one reader."""
    queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_drain(queue, n))
            for i in range(n):
                await queue.put(Event(id=i, topic="bench.tick", body={"n": i}))
    require(queue.empty(), "publish")
    return meter.cost


async def fan_out(n: int) -> Cost:
    """Make `n` validated events; queue each for 20 readers."""
    queues: list[asyncio.Queue[Event]] = [asyncio.Queue(QUEUE) for _ in range(SUBSCRIBERS)]
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(_drain(queue, n))
            for i in range(n):
                event = Event(id=i, topic="bench.tick", body={"n": i})
                for queue in queues:
                    await queue.put(event)
    require(all(queue.empty() for queue in queues), "fan_out")
    return meter.cost


async def request(n: int) -> Cost:
    """Ask `n` times with a validated question and a validated answer."""
    queue: asyncio.Queue[tuple[Event, asyncio.Future[Event]]] = asyncio.Queue(QUEUE)
    loop, answered = asyncio.get_running_loop(), 0
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_answer(queue, n))
            for i in range(n):
                future: asyncio.Future[Event] = loop.create_future()
                await queue.put((Event(id=i, topic="bench.ask", body={"n": i}), future))
                answered += (await future).body["n"] == i
    require(answered == n, "request")
    return meter.cost


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph that networkx holds, with a validated event for each task that becomes ready."""
    with Meter() as meter:
        run = _Run(nodes)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(run.work()) for _ in range(WORKERS)]
            for node_id in [node_id for node_id, waits in run.waits.items() if not waits]:
                await run.ready.put(run.event(node_id))
            results = {node_id: await future for node_id, future in run.futures.items()}
            for worker in workers:
                worker.cancel()
    require(len(results) == len(nodes), "graph")
    return meter.cost


class _Run:
    def __init__(self, nodes: Sequence[Node]) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
        self.graph: nx.DiGraph = nx.DiGraph()
        self.graph.add_nodes_from(node.id for node in nodes)
        self.graph.add_edges_from((before, node.id) for node in nodes for before in node.after)
        self.waits: dict[str, int] = dict(self.graph.in_degree())
        self.futures: dict[str, asyncio.Future[Any]] = {node.id: loop.create_future() for node in nodes}
        self.order = {node.id: number for number, node in enumerate(nodes)}

    def event(self, node_id: str) -> Event:
        return Event(id=self.order[node_id], topic=node_id, body={})

    async def work(self) -> None:
        ready, waits = self.ready, self.waits
        while True:
            node_id = (await ready.get()).topic
            self.futures[node_id].set_result(await do_nothing(node_id))
            for follower in self.graph.succ[node_id]:
                waits[follower] -= 1
                if not waits[follower]:
                    await ready.put(self.event(follower))


async def _drain(queue: asyncio.Queue[Event], n: int) -> None:
    for _ in range(n):
        await queue.get()


async def _answer(queue: asyncio.Queue[tuple[Event, asyncio.Future[Event]]], n: int) -> None:
    for _ in range(n):
        question, future = await queue.get()
        future.set_result(Event(id=question.id, topic="reply", body=question.body))


FLOOR: Final = Contestant("typed floor", publish, fan_out, request, graph)
