"""agent-framework-core: executors and typed edges, run in supersteps."""
# ruff: noqa: ARG002
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# The peer is installed in an environment of its own, where mypy does not look; it prescribes the signatures.

from collections.abc import Sequence
from dataclasses import dataclass

from agent_framework import Executor, WorkflowBuilder, WorkflowContext, handler

from benchmarks.peers.harness import main
from benchmarks.work import SUBSCRIBERS, Contestant, Cost, Meter, Node, Sizes, require

# The annotations of handlers are read at run time: no `from __future__ import annotations` here.


@dataclass
class Tick:
    """An event."""

    n: int


@dataclass
class Reply:
    """An answer."""

    n: int


class Source(Executor):
    """Sends as many events as it is told."""

    @handler
    async def on_start(self, n: int, ctx: WorkflowContext[Tick]) -> None:
        """Send them all."""
        for i in range(n):
            await ctx.send_message(Tick(i))


class Reader(Executor):
    """Counts events."""

    seen = 0

    @handler
    async def on_tick(self, message: Tick, ctx: WorkflowContext) -> None:
        """Take one."""
        Reader.seen += 1


class Asker(Executor):
    """Asks until it has asked often enough."""

    answered = 0

    @handler
    async def on_start(self, n: int, ctx: WorkflowContext[Tick]) -> None:
        """Ask first."""
        Asker.answered = 0
        await ctx.send_message(Tick(n))

    @handler
    async def on_reply(self, message: Reply, ctx: WorkflowContext[Tick]) -> None:
        """Take the answer, ask again."""
        Asker.answered += 1
        if message.n > 1:
            await ctx.send_message(Tick(message.n - 1))


class Answerer(Executor):
    """Answers requests."""

    @handler
    async def on_tick(self, message: Tick, ctx: WorkflowContext[Reply]) -> None:
        """Answer one."""
        await ctx.send_message(Reply(message.n))


class First(Executor):
    """A task that waits for none."""

    @handler
    async def on_tick(self, message: Tick, ctx: WorkflowContext[Tick]) -> None:
        """Do nothing."""
        Reader.seen += 1
        await ctx.send_message(message)


class Later(Executor):
    """A task that waits for several."""

    @handler
    async def on_ticks(self, messages: list[Tick], ctx: WorkflowContext[Tick]) -> None:
        """Do nothing."""
        Reader.seen += 1
        await ctx.send_message(messages[0])


async def publish(n: int) -> Cost:
    """Send to one executor."""
    source = Source(id="source")
    workflow = WorkflowBuilder(start_executor=source).add_edge(source, Reader(id="reader")).build()
    Reader.seen = 0
    with Meter() as meter:
        await workflow.run(n)
    require(Reader.seen == n, "publish")
    return meter.cost


async def fan_out(n: int) -> Cost:
    """Send over a fan-out edge to 20 executors."""
    source, readers = Source(id="source"), [Reader(id=f"reader{number}") for number in range(SUBSCRIBERS)]
    workflow = WorkflowBuilder(start_executor=source).add_fan_out_edges(source, readers).build()
    Reader.seen = 0
    with Meter() as meter:
        await workflow.run(n)
    require(Reader.seen == n * SUBSCRIBERS, "fan_out")
    return meter.cost


async def request(n: int) -> Cost:
    """Send to an executor and back: two supersteps a round trip."""
    asker, answerer = Asker(id="asker"), Answerer(id="answerer")
    builder = WorkflowBuilder(start_executor=asker, max_iterations=2 * n + 10)
    workflow = builder.add_edge(asker, answerer).add_edge(answerer, asker).build()
    with Meter() as meter:
        await workflow.run(n)
    require(Asker.answered == n, "request")
    return meter.cost


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph of executors with fan-in edges; building it is not counted."""
    source = Source(id="source")
    executors = {node.id: Later(id=node.id) if node.after else First(id=node.id) for node in nodes}
    builder = WorkflowBuilder(start_executor=source, max_iterations=len(nodes) + 10)
    builder.add_fan_out_edges(source, [executors[node.id] for node in nodes if not node.after])
    for node in nodes:
        if node.after:
            builder.add_fan_in_edges([executors[before] for before in node.after], executors[node.id])
    workflow = builder.build()
    Reader.seen = 0
    with Meter() as meter:
        await workflow.run(1)
    require(Reader.seen == len(nodes), "graph")
    return meter.cost


if __name__ == "__main__":
    main(Contestant("agent-framework-core", publish, fan_out, request, graph), "agent-framework-core", Sizes())
