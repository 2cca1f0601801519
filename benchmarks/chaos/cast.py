"""The cast of the chaos campaign: a plan of many tasks, the clerk who does them, and the bank that is asked."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from orchestrator.agent import AgentCard
from orchestrator.context import TaskContext
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry

#: `sound` is the product as it is. The others are broken on purpose, and the campaign must notice: `no-key` books
#: without the key, `receipt-first` books after the receipt, `forgetful` resumes without the receipts on record.
Build = Literal["sound", "no-key", "receipt-first", "forgetful"]

RUN = "chaos"
_ADDS = 25  # every so many tasks add two more
_FAILS = 7  # every so many tasks fail their first attempt, half of them after their effect
# A crash counts as an attempt, for it may be the task's own doing; here it never is.
_POLICY = Policy(
    concurrency=16, retry=Retry(max_attempts=100, backoff_s=0.005, max_backoff_s=0.02), breaker=Breaker(failures=10_000)
)


def make_plan(tasks: int, seed: int) -> Plan:
    """Return a plan in which a task waits for up to two of the thirty before it."""
    draw = random.Random(seed)
    made = []
    for number in range(tasks):
        before = range(max(0, number - 30), number)
        after = draw.sample(before, min(len(before), draw.randint(0, 2)))
        made.append(Task(f"t{number}", "book it", after=tuple(f"t{other}" for other in sorted(after)), agent="clerk"))
    return Plan(name=RUN, tasks=tuple(made))


def expected_tasks(tasks: int) -> set[str]:
    """Return the ids of all tasks of a complete run, added ones included."""
    names = {f"t{number}" for number in range(tasks)}
    added = {f"t{number}/{child}" for number in range(0, tasks, _ADDS) for child in (1, 2)}
    return names | added


class Bank:
    """The other side: a ledger in a file of its own, which keeps one booking a key.

    It survives the death of a process, not a power cut: that is what is tested here, and it is quick.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("CREATE TABLE IF NOT EXISTS ledger (task TEXT NOT NULL, key TEXT UNIQUE)")

    def book(self, task: str, key: str | None) -> str:
        """Book something for a task; the same key books nothing more. Without a key, everything is booked."""
        self._connection.execute("INSERT OR IGNORE INTO ledger VALUES (?, ?)", (task, key))
        return f"booked {task}"

    def bookings(self) -> Counter[str]:
        """Return how many bookings there are for each task."""
        return Counter(dict(self._connection.execute("SELECT task, count(*) FROM ledger GROUP BY task")))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Clerk:
    """Books every task once, adds tasks now and then, and fails now and then, before or after its booking."""

    def __init__(self, bank: Bank, build: Build) -> None:
        self.card = AgentCard(name="clerk", summary="Books.", examples=("book it",), policy=_POLICY)
        self._bank, self._build = bank, build

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Do one attempt."""
        number = int(task.id.partition("/")[0].removeprefix("t"))
        await asyncio.sleep(number % 5 / 1000)
        fails = number % _FAILS == 0 and context.attempt == 1
        if fails and number % 2:
            raise ConnectionError("before the booking")
        receipt = await self._book(task, context)
        if fails:
            raise ConnectionError("after the booking")
        if number % _ADDS == 0 and not task.parent:
            first = context.add_task("book it", agent="clerk")
            context.add_task("book it", agent="clerk", after=first.id)
        return receipt

    async def _book(self, task: Task, context: TaskContext) -> Any:
        async def book(key: str) -> str:
            return self._bank.book(task.id, None if self._build == "no-key" else key)

        async def promise(_key: str) -> str:
            return "to be booked"

        if self._build != "receipt-first":
            return await context.effect("book", book)
        begun = Counter[str]()

        async def note(key: str) -> str:
            begun[key] += 1
            return await promise(key)

        receipt = await context.effect("book", note)
        if begun:  # only who wrote the receipt books: the receipt says that it is done
            await book(f"{RUN}/{task.id}")
        return receipt
