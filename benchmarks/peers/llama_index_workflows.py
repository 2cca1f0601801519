"""llama-index-workflows: steps that take and return typed events."""
# ruff: noqa: ARG001, ARG002
# mypy: disable-error-code="import-not-found,misc,untyped-decorator,return"
# The peer is installed in an environment of its own, where mypy does not look; it prescribes the signatures.

import types
from collections.abc import Sequence
from typing import Any

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from benchmarks.peers.harness import main
from benchmarks.work import SUBSCRIBERS, WORKERS, Contestant, Cost, Meter, Node, Sizes, require

# Annotations of steps are read at run time: no `from __future__ import annotations` here.


class Tick(Event):
    """An event."""

    n: int


class Reply(Event):
    """An answer."""

    n: int


class Run(Event):
    """A ready task."""

    task: str


class Begin(StartEvent):
    """How many events to send, and how many deliveries end the run."""

    n: int
    deliveries: int


class Sending(Workflow):
    """Sends events; its subclasses have the readers."""

    seen = 0
    deliveries = 0

    @step
    async def begin(self, ctx: Context, ev: Begin) -> Tick | None:
        """Send them all."""
        self.deliveries = ev.deliveries
        for i in range(ev.n):
            ctx.send_event(Tick(n=i))


def _reader(number: int) -> Any:
    async def read(self: Any, ctx: Context, ev: Tick) -> StopEvent | None:
        self.seen += 1
        return StopEvent(result=self.seen) if self.seen == self.deliveries else None

    read.__name__ = f"read{number}"
    read.__qualname__ = f"Sending.read{number}"  # by the dot, `step` knows a method
    return step(num_workers=1)(read)


def _sending_to(readers: int) -> Any:
    steps = {f"read{number}": _reader(number) for number in range(readers)}
    return types.new_class(f"SendingTo{readers}", (Sending,), exec_body=lambda names: names.update(steps))


ONE, MANY = _sending_to(1), _sending_to(SUBSCRIBERS)


class Asking(Workflow):
    """Asks and answers."""

    answered = 0

    @step
    async def begin(self, ev: Begin) -> Tick:
        """Ask first."""
        return Tick(n=ev.n)

    @step
    async def answer(self, ev: Tick) -> Reply:
        """Answer one."""
        return Reply(n=ev.n)

    @step
    async def ask_again(self, ev: Reply) -> Tick | StopEvent:
        """Take the answer, ask again."""
        self.answered += 1
        return Tick(n=ev.n - 1) if ev.n > 1 else StopEvent(result=self.answered)


class Grinding(Workflow):
    """Runs a graph that its user keeps in counters: a step sends the tasks that it unlocked."""

    def __init__(self, nodes: Sequence[Node], **options: Any) -> None:
        super().__init__(**options)
        self.left = len(nodes)
        self.waits = {node.id: len(node.after) for node in nodes}
        self.followers: dict[str, list[str]] = {node.id: [] for node in nodes}
        for node in nodes:
            for before in node.after:
                self.followers[before].append(node.id)

    @step
    async def begin(self, ctx: Context, ev: Begin) -> Run | None:
        """Send the tasks that wait for none."""
        for task, waits in list(self.waits.items()):
            if not waits:
                ctx.send_event(Run(task=task))

    @step(num_workers=WORKERS)
    async def work(self, ctx: Context, ev: Run) -> Run | StopEvent | None:
        """Do one."""
        self.left -= 1
        for follower in self.followers[ev.task]:
            self.waits[follower] -= 1
            if not self.waits[follower]:
                ctx.send_event(Run(task=follower))
        return None if self.left else StopEvent(result=self.left)


async def publish(n: int) -> Cost:
    """Send to one step; the cost per event grows with the backlog, so the size is 1,000."""
    return await _run(ONE(timeout=None), n, n)


async def fan_out(n: int) -> Cost:
    """Send to 20 steps."""
    return await _run(MANY(timeout=None), n, n * SUBSCRIBERS)


async def request(n: int) -> Cost:
    """Go to a step and back."""
    return await _run(Asking(timeout=None), n, n)


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph."""
    return await _run(Grinding(nodes, timeout=None), len(nodes), 0)


async def _run(workflow: Any, n: int, expected: int) -> Cost:
    with Meter() as meter:
        result = await workflow.run(start_event=Begin(n=n, deliveries=expected))
    require(result == expected, f"{result} of {expected}")
    return meter.cost


if __name__ == "__main__":
    main(
        Contestant("llama-index-workflows", publish, fan_out, request, graph),
        "llama-index-workflows",
        Sizes(publish=1_000, fan_out=50, request=300),
    )
