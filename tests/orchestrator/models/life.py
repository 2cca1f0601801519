"""A life: one process of a run as its model sees it, with agents that do what they are told, and a world outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.clock import VirtualClock
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, JournalError
from orchestrator.journal import Row
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.models.journals import LaggingJournal, SteppedJournal
from tests.orchestrator.models.reference import BACKOFF_S, CONCURRENCY, MAX_ATTEMPTS, count_attempts

Post = Literal["no", "yes", "breaks"]


@dataclass(frozen=True)
class Order:
    """What a handler is told to do after its first effect: another effect, tasks to add, and how to end."""

    children: tuple[str, ...] = ()
    post: Post = "no"
    end: Literal["completes", "gives up", "fails"] = "completes"


@dataclass
class World:
    """What is outside: it hears each attempt that begins and each effect, and knows what must be on record by then."""

    wrong: list[str] = field(default_factory=list)
    calls: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def hear_attempt(self, life: Life, task: str, attempt: int) -> None:
        """Note it if an attempt is not on record, safely, or bears a number that does not follow from the record."""
        record = [row.envelope for row in life.journal.rows[: life.journal.safe]]
        if any(row.topic == "run.stopped" for row in record[life.first :]):
            return  # the stop that cuts it short is on record, before it has begun
        counted = count_attempts(record)[task]
        if counted != attempt:
            self.wrong.append(f"{task} begins attempt {attempt}, and {counted} are on record")

    def hear_effect(self, life: Life, key: str) -> int:
        """Note it if an effect is not on record as intended, or is there as done; return what came of it."""
        topics = [row.envelope.topic for row in life.journal.rows[: life.journal.safe] if _is_about(row, key)]
        if not topics or topics[-1] != "effect.intended" or "effect.done" in topics:
            self.wrong.append(f"{key} is done, and on record is {topics}")
        self.calls[key].append(len(life.journal.rows))
        return len(self.calls[key])

    def receipts(self, rows: Sequence[Row], task: str, effect: str) -> list[int]:
        """Return what came of an effect of a task, as often as it is on record as done."""
        done = [row for row in rows if row.envelope.topic == "effect.done" and row.envelope.correlation_id == task]
        return [row.envelope.body["output"] for row in done if row.envelope.body["effect"] == effect]

    def forget_after(self, rows: int) -> None:
        """Let nothing have happened that came after so many rows."""
        for key, at in self.calls.items():
            self.calls[key] = [row for row in at if row <= rows]

    def check(self, rows: Sequence[Row]) -> None:
        """Compare receipts with what has happened.

        Raises:
            AssertionError: if anything was noted, or an effect was on record as done before it was.
        """
        assert not self.wrong, self.wrong
        for at, row in enumerate(rows):
            if row.envelope.topic == "effect.done":
                key, number = row.envelope.body["key"], row.envelope.body["output"]
                assert self.calls[key][number - 1 : number], f"{key} has a receipt, and was not done"
                assert self.calls[key][number - 1] <= at, f"{key} has a receipt of before it was done"


def _is_about(row: Row, key: str) -> bool:
    return row.envelope.topic.startswith("effect.") and row.envelope.body["key"] == key


class Puppet:
    """An agent whose handlers do what they are told, after booking an effect each."""

    def __init__(self, name: str, life: Life) -> None:
        retry = Retry(max_attempts=MAX_ATTEMPTS[name], backoff_s=BACKOFF_S, factor=1, jitter=0)
        policy = Policy(concurrency=CONCURRENCY[name], timeout_s=86_000, retry=retry, breaker=Breaker(failures=10_000))
        self.card = ScriptedAgent(name, policy=policy).card
        self._life = life

    async def handle(self, task: Task, context: TaskContext) -> Any:
        life = self._life
        life.world.hear_attempt(life, task.id, context.attempt)
        await self._effect("book", context)
        told = life.waiting[task.id] = asyncio.get_running_loop().create_future()
        life.attempts[task.id] = context.attempt
        try:
            order: Order = await told
        finally:
            del life.waiting[task.id]
        before: tuple[str, ...] = ()
        for child in order.children:
            before = (*before, context.add_task(task.request, id=child, agent=task.agent, after=before).id)
        if order.post != "no":
            await self._effect("post", context, breaks=order.post == "breaks")
        if order.end == "fails":
            raise ConnectionError("later")
        if order.end == "gives up":
            raise AgentError("no")
        return task.id

    async def _effect(self, name: str, context: TaskContext, *, breaks: bool = False) -> None:
        def do(key: str) -> int:
            number = self._life.world.hear_effect(self._life, key)
            if breaks:
                raise ConnectionError("who knows")
            return number

        number = await context.effect(name, do)
        receipts = self._life.world.receipts(self._life.journal.rows, context.task.id, name)
        if receipts != [number]:
            self._life.world.wrong.append(f"{name} of {context.task.id} answers {number}, its receipts are {receipts}")


class _CrashError(Exception):
    pass


class Life:
    """One process of the run `r`: an orchestrator, from opening it to its end.

    Attributes:
        first: how many rows there were before it.
        waiting: handlers that wait to be told, by task; `attempts` the number of each one's attempt.
        o: the orchestrator.
    """

    def __init__(self, world: World, journal: LaggingJournal | SteppedJournal) -> None:
        self.world, self.journal, self.first = world, journal, len(journal.rows)
        self.waiting: dict[str, asyncio.Future[Order]] = {}
        self.attempts: dict[str, int] = {}

    async def begin(self, make: Callable[..., Orchestrator]) -> None:
        """Open a run, or go on with it."""
        self.o = make(
            run="r",
            settings=Settings(log_format="off", drain_s=0),
            agents=[Puppet("a", self), Puppet("b", self)],
            router=FixedRouter(),
            journal=self.journal,
            clock=VirtualClock(),
        )
        loop = asyncio.get_running_loop()
        entered, self._leave = asyncio.Event(), loop.create_future()
        self._running = loop.create_task(self._run(entered))  # type: ignore[attr-defined,unused-ignore]
        self._running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # retrieved, in any case
        await entered.wait()

    async def _run(self, entered: asyncio.Event) -> None:
        try:
            async with self.o:
                entered.set()
                if await self._leave:
                    raise _CrashError
        finally:
            entered.set()

    @property
    def over(self) -> bool:
        """Whether it has ended by itself."""
        return self._running.done()

    async def stop(self) -> None:
        """Leave in an orderly way."""
        if not self._leave.done():
            self._leave.set_result(False)
        await self._running

    async def crash(self) -> None:
        """End as by kill -9: nothing more reaches the journal."""
        self.journal.kill()
        if not self._leave.done():
            self._leave.set_result(True)
        with contextlib.suppress(_CrashError):
            await self._running

    async def refuse(self) -> JournalError | None:
        """Leave after the run was taken over; return the error that it ends with."""
        try:
            await self.stop()
        except JournalError as error:
            return error
        return None
