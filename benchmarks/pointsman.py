"""Pointsman's bus and graph alone: the same work, with no orchestrator around them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from benchmarks.bare import do_nothing
from benchmarks.work import QUEUE, SUBSCRIBERS, WORKERS, Contestant, Cost, Meter, Node, require
from orchestrator.bus import Bus, Subscription
from orchestrator.graph import TaskGraph
from orchestrator.messages import Result, Task

_TIMEOUT_S: Final = 60.0


async def publish(n: int) -> Cost:
    """Publish `n` events to one subscription."""
    bus = Bus()
    subscription = bus.subscribe("bench.tick", maxsize=QUEUE)
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_drain(subscription, n))
            for i in range(n):
                await bus.publish("bench.tick", {"n": i})
    require(bus.statistics().handled == n, "publish")
    return meter.cost


async def fan_out(n: int) -> Cost:
    """Publish `n` events to 20 subscriptions."""
    bus = Bus()
    subscriptions = [bus.subscribe("bench.tick", maxsize=QUEUE) for _ in range(SUBSCRIBERS)]
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            for subscription in subscriptions:
                group.create_task(_drain(subscription, n))
            for i in range(n):
                await bus.publish("bench.tick", {"n": i})
    require(bus.statistics().handled == n * SUBSCRIBERS, "fan_out")
    return meter.cost


async def request(n: int) -> Cost:
    """Ask `n` times, each with a deadline, which the bare twin has not."""
    bus = Bus()
    subscription, answered = bus.subscribe("bench.ask", maxsize=QUEUE), 0
    with Meter() as meter:
        async with asyncio.TaskGroup() as group:
            group.create_task(_answer(bus, subscription, n))
            for i in range(n):
                reply = await bus.request("bench.ask", {"n": i}, timeout_s=_TIMEOUT_S)
                answered += reply.body["n"] == i
    require(answered == n, "request")
    return meter.cost


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph that a `TaskGraph` holds; ready tasks travel on a bus to workers."""
    with Meter() as meter:
        run = _Run(nodes)
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(run.work()) for _ in range(WORKERS)]
            for task in run.graph.add(Task(node.id, "do nothing", after=node.after) for node in nodes).ready:
                await run.bus.publish("task.ready", {"task": task.id}, task.id)
            results = {node_id: await future for node_id, future in run.futures.items()}
            for worker in workers:
                worker.cancel()
    require(len(results) == len(nodes) and not run.graph.open, "graph")
    return meter.cost


class _Run:
    def __init__(self, nodes: Sequence[Node]) -> None:
        loop = asyncio.get_running_loop()
        self.bus, self.graph = Bus(), TaskGraph()
        self.ready = self.bus.subscribe("task.ready", maxsize=QUEUE)
        self.futures: dict[str, asyncio.Future[Result]] = {node.id: loop.create_future() for node in nodes}

    async def work(self) -> None:
        bus, graph, ready = self.bus, self.graph, self.ready
        while True:
            task_id = (await ready.receive()).correlation_id
            result = Result(task_id, "completed", output=await do_nothing(task_id))
            for task in graph.complete(task_id, result).ready:
                await bus.publish("task.ready", {"task": task.id}, task.id)
            ready.done()
            self.futures[task_id].set_result(result)


async def _drain(subscription: Subscription, n: int) -> None:
    async for _ in subscription:
        n -= 1
        if not n:
            break
    subscription.done()


async def _answer(bus: Bus, subscription: Subscription, n: int) -> None:
    for _ in range(n):
        question = await subscription.receive()
        await bus.reply(question, question.body)
        subscription.done()


POINTSMAN: Final = Contestant("pointsman", publish, fan_out, request, graph)
