"""Bare asyncio: the same work with queues, futures and dicts, and nothing else. Standard library only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.work import QUEUE, SUBSCRIBERS, WORKERS, Contestant, Cost, Meter, Node, require

Body = dict[str, int]


async def publish(n: int) -> Cost:
    """Put `n` events into one bounded queue while one reader takes them out."""
    queue: asyncio.Queue[Body] = asyncio.Queue(QUEUE)
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_drain(queue, n))
            for i in range(n):
                await queue.put({"n": i})
    require(queue.empty(), "publish")
    return meter.cost


async def fan_out(n: int) -> Cost:
    """Put `n` events into each of 20 bounded queues, each with a reader."""
    queues: list[asyncio.Queue[Body]] = [asyncio.Queue(QUEUE) for _ in range(SUBSCRIBERS)]
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(_drain(queue, n))
            for i in range(n):
                body = {"n": i}
                for queue in queues:
                    await queue.put(body)
    require(all(queue.empty() for queue in queues), "fan_out")
    return meter.cost


async def request(n: int) -> Cost:
    """Ask `n` times, one after the other: a queue carries the question, a future the answer."""
    queue: asyncio.Queue[tuple[Body, asyncio.Future[Body]]] = asyncio.Queue(QUEUE)
    loop, answer = asyncio.get_running_loop(), {"n": -1}
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_answer(queue, n))
            for i in range(n):
                future: asyncio.Future[Body] = loop.create_future()
                await queue.put(({"n": i}, future))
                answer = await future
    require(answer == {"n": n - 1}, "request")
    return meter.cost


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph: counters and successors in dicts, a queue of ready tasks, workers, a result future per task."""
    with Meter() as meter:
        run = _Run(nodes)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(run.work()) for _ in range(WORKERS)]
            for node in nodes:
                if not node.after:
                    await run.ready.put(node.id)
            results = {node_id: await future for node_id, future in run.futures.items()}
            for worker in workers:
                worker.cancel()
    require(len(results) == len(nodes), "graph")
    return meter.cost


class _Run:
    def __init__(self, nodes: Sequence[Node]) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self.waits = {node.id: len(node.after) for node in nodes}
        self.followers: dict[str, list[str]] = {node.id: [] for node in nodes}
        for node in nodes:
            for before in node.after:
                self.followers[before].append(node.id)
        self.futures: dict[str, asyncio.Future[Any]] = {node.id: loop.create_future() for node in nodes}

    async def work(self) -> None:
        ready, waits = self.ready, self.waits
        while True:
            node_id = await ready.get()
            self.futures[node_id].set_result(await do_nothing(node_id))
            for follower in self.followers[node_id]:
                waits[follower] -= 1
                if not waits[follower]:
                    await ready.put(follower)


async def do_nothing(node_id: str) -> Any:
    """Be the task."""


async def _drain(queue: asyncio.Queue[Body], n: int) -> None:
    for _ in range(n):
        await queue.get()


async def _answer(queue: asyncio.Queue[tuple[Body, asyncio.Future[Body]]], n: int) -> None:
    for _ in range(n):
        body, future = await queue.get()
        future.set_result(body)


BARE: Final = Contestant("asyncio", publish, fan_out, request, graph)
