"""The cast: agents that wait in every way there is, and plans for them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from orchestrator import AgentCard, Breaker, HttpClient, Plan, Policy, Retry, Task, TaskContext

Handler = Callable[[Task, TaskContext], Any]
PATHS: Final = ("/", "/after/1", "/after/20", "/parts", "/close", "/never")
QUICK: Final = Policy(
    concurrency=3,
    timeout_s=0.1,
    retry=Retry(max_attempts=3, backoff_s=0.002, jitter=0.5),
    breaker=Breaker(failures=20, cooldown_s=0.01),
)
APART: Final = QUICK.model_copy(update={"isolation": "process", "timeout_s": 30.0, "grace_s": 0.1, "concurrency": 2})
HANGS: Final = APART.model_copy(update={"timeout_s": 0.5, "retry": Retry(max_attempts=1)})
PATIENT: Final = QUICK.model_copy(update={"timeout_s": 30.0})
KINDS: Final = ("sleeper", "booker", "threaded", "blunt", "fetcher", "asker", "faulty", "parent")


class Player:
    """An agent whose handler is a function of task and context."""

    def __init__(self, name: str, handler: Handler, policy: Policy = QUICK) -> None:
        self.card = AgentCard(name=name, summary=f"plays {name}", examples=(f"please {name}",), policy=policy)
        self._handler = handler

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Play."""
        return await self._handler(task, context)


class InThread(Player):
    """An agent whose handler is a plain function and runs in a thread."""

    def handle(self, task: Task, context: TaskContext) -> Any:
        """Play."""
        return self._handler(task, context)


async def sleep(task: Task, _context: TaskContext) -> str:
    """Wait for some turns of the loop, then for a timer."""
    for _ in range(task.payload.get("turns", 1)):
        await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return task.id


async def book(_task: Task, context: TaskContext) -> list[Any]:
    """Have an async effect, and one in a thread."""

    async def turn(key: str) -> str:
        await asyncio.sleep(0)
        return key

    return [await context.effect("turn", turn), await context.effect("book", lambda key: key)]


def block(task: Task, _context: TaskContext) -> str:
    """Hold a thread for a moment."""
    threading.Event().wait(0.001 * task.payload.get("turns", 1))
    return task.id


def book_in_thread(task: Task, context: TaskContext) -> list[Any]:
    """Have an effect and ask a person, from a thread."""
    return [context.blocking.effect("book", lambda key: key), context.blocking.ask(f"may {task.id}?")]


async def ask(task: Task, context: TaskContext) -> str:
    """Ask a person."""
    return await context.ask(f"may {task.id}?")


async def fail(task: Task, context: TaskContext) -> str:
    """Raise at first, so that a retry is waited for."""
    if context.attempt == 1:
        raise ConnectionError(f"{task.id} is not ready")
    return task.id


async def beget(task: Task, context: TaskContext) -> str:
    """Add tasks, in a task group of its own."""
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
        group.create_task(asyncio.sleep(0))
    first = context.add_task("sleeper")
    context.add_task("booker", after=first.id)
    return task.id


async def answer(_task: Task, context: TaskContext) -> str:
    """Have an effect and answer, from a process of its own."""
    await asyncio.sleep(0)
    return str(await context.effect("book", lambda key: key))


async def hang(_task: Task, _context: TaskContext) -> None:
    """Never answer, and hear no cancellation."""
    threading.Event().wait()


apart = Player("apart", answer, APART)
hanger = Player("hanger", hang, HANGS)


def fetching(client: HttpClient, url: str) -> Callable[[Task, TaskContext], Awaitable[int]]:
    """Return a handler that asks a server."""

    async def fetch(task: Task, _context: TaskContext) -> int:
        return (await client.get(url + task.payload["path"])).status

    return fetch


def agents(client: HttpClient, url: str, policy: Policy) -> list[Player]:
    """Return the cast; `apart` and `hanger` need processes and come only where they are asked for."""
    handlers: dict[str, Handler] = {
        "sleeper": sleep,
        "booker": book,
        "fetcher": fetching(client, url),
        "asker": ask,
        "faulty": fail,
        "parent": beget,
    }
    threaded = [InThread("threaded", block, policy), InThread("blunt", book_in_thread, policy)]
    return [*(Player(name, handler, policy) for name, handler in handlers.items()), *threaded]


def plan(rng: random.Random, kinds: Sequence[str] = KINDS, *, paths: Sequence[str] = PATHS, tasks: int) -> Plan:
    """Return tasks of random kinds, each waiting for some of those before it."""
    made: list[Task] = []
    for number in range(tasks):
        kind = kinds[number] if number < len(kinds) else rng.choice(kinds)
        after = tuple(rng.sample([task.id for task in made], k=min(len(made), rng.choice((0, 0, 1, 2)))))
        payload = {"turns": rng.randrange(6), "path": rng.choice(paths)}
        made.append(Task(f"{kind}-{number}", kind, payload, after, on_failure="continue"))
    return Plan("cancelled", tuple(made))
