"""autogen-core: agents on a single-threaded runtime, messages as dataclasses."""
# ruff: noqa: ARG002
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# The peer is installed in an environment of its own, where mypy does not look; it prescribes the signatures.

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autogen_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)
from opentelemetry.trace import NoOpTracerProvider

from benchmarks.peers.harness import main
from benchmarks.work import SUBSCRIBERS, Contestant, Cost, Meter, Node, Sizes, require

TOPIC = TopicId("bench", "default")


@dataclass
class Tick:
    """An event."""

    n: int


@dataclass
class Run:
    """A ready task."""

    task: str


class Reader(RoutedAgent):
    """Counts events."""

    def __init__(self, seen: list[int]) -> None:
        super().__init__("reads")
        self.seen = seen

    @message_handler
    async def on_tick(self, message: Tick, ctx: MessageContext) -> None:
        """Take one."""
        self.seen[0] += 1


class Answerer(RoutedAgent):
    """Answers requests."""

    @message_handler
    async def on_tick(self, message: Tick, ctx: MessageContext) -> Tick:
        """Answer one."""
        return Tick(message.n)


class Progress:
    """The graph as its user keeps it: autogen-core has none."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        loop = asyncio.get_running_loop()
        self.waits = {node.id: len(node.after) for node in nodes}
        self.followers: dict[str, list[str]] = {node.id: [] for node in nodes}
        for node in nodes:
            for before in node.after:
                self.followers[before].append(node.id)
        self.futures: dict[str, asyncio.Future[None]] = {node.id: loop.create_future() for node in nodes}

    def end(self, task: str) -> list[str]:
        """End a task; return what is ready now."""
        self.futures[task].set_result(None)
        ready = []
        for follower in self.followers[task]:
            self.waits[follower] -= 1
            if not self.waits[follower]:
                ready.append(follower)
        return ready


class Worker(RoutedAgent):
    """Does a task and publishes those that it unlocked: one message a task, the fewest possible.

    It publishes by way of the runtime, because an agent does not get what it publishes itself.
    """

    def __init__(self, progress: Progress, runtime: Any) -> None:
        super().__init__("works")
        self.progress, self.on = progress, runtime

    @message_handler
    async def on_run(self, message: Run, ctx: MessageContext) -> None:
        """Do one."""
        for task in self.progress.end(message.task):
            await self.on.publish_message(Run(task), TOPIC)


async def publish(n: int) -> Cost:
    """Publish to one subscribed agent."""
    return await _publish(n, 1)


async def fan_out(n: int) -> Cost:
    """Publish to 20 subscribed agents."""
    return await _publish(n, SUBSCRIBERS)


async def request(n: int) -> Cost:
    """Send messages and await the answers."""
    runtime, answered = SingleThreadedAgentRuntime(), 0
    await Answerer.register(runtime, "answerer", lambda: Answerer("answers"))
    runtime.start()
    with Meter() as meter:
        for i in range(n):
            reply = await runtime.send_message(Tick(i), AgentId("answerer", "default"))
            answered += reply.n == i
    await runtime.stop_when_idle()
    require(answered == n, "request")
    return meter.cost


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph with the runtime as it comes."""
    return await _graph(nodes, SingleThreadedAgentRuntime())


async def graph_untraced(nodes: Sequence[Node]) -> Cost:
    """Run a graph with tracing off."""
    return await _graph(nodes, SingleThreadedAgentRuntime(tracer_provider=NoOpTracerProvider()))


async def _publish(n: int, readers: int) -> Cost:
    runtime, seen = SingleThreadedAgentRuntime(), [0]
    for number in range(readers):
        await Reader.register(runtime, f"reader{number}", lambda: Reader(seen))
        await runtime.add_subscription(TypeSubscription("bench", f"reader{number}"))
    runtime.start()
    with Meter() as meter:
        for i in range(n):
            await runtime.publish_message(Tick(i), TOPIC)
        await runtime.stop_when_idle()
    require(seen == [n * readers], "publish")
    return meter.cost


async def _graph(nodes: Sequence[Node], runtime: Any) -> Cost:
    with Meter() as meter:
        progress = Progress(nodes)
        await Worker.register(runtime, "worker", lambda: Worker(progress, runtime))
        await runtime.add_subscription(TypeSubscription("bench", "worker"))
        runtime.start()
        for node in nodes:
            if not node.after:
                await runtime.publish_message(Run(node.id), TOPIC)
        for future in progress.futures.values():
            await future
    await runtime.stop_when_idle()
    require(all(future.done() for future in progress.futures.values()), "graph")
    return meter.cost


if __name__ == "__main__":
    main(
        Contestant("autogen-core", publish, fan_out, request, graph),
        "autogen-core",
        Sizes(),
        {"graph_untraced": graph_untraced},
    )
