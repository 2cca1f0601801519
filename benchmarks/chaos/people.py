"""`python -m benchmarks.chaos.people`: kill -9 while tasks wait for a person; exit with 1 if anything was done twice.

Each task reserves, asks, and pays. The first life is killed when all of them wait. The second resumes the run and is
killed once half are answered. The others are answered while nobody runs, the last one while the third life does, by
`pointsman answer` in a process of its own, and the run goes on to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.chaos.cast import Bank
from benchmarks.chaos.life import bank_of, journal_of
from orchestrator.agent import AgentCard
from orchestrator.cli import main as pointsman
from orchestrator.context import TaskContext
from orchestrator.errors import JournalError
from orchestrator.inbox import open_questions
from orchestrator.journal import JournalReader
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter

RUN: Final = "people"
_PATIENCE_S: Final = 60.0


class Cashier:
    """Reserves, asks whether to pay, and pays. The bank books as often as it is asked: nothing hides a repetition."""

    def __init__(self, bank: Bank) -> None:
        self.card = AgentCard(name="cashier", summary="Pays.", examples=("pay",), policy=Policy(concurrency=2))
        self._bank = bank

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Do one attempt."""

        async def reserve(_key: str) -> str:
            return self._bank.book(f"{task.id}: reserve", None)

        async def pay(_key: str) -> str:
            return self._bank.book(f"{task.id}: pay", None)

        await context.effect("reserve", reserve)
        if await context.ask(f"pay for {task.id}?") == "no":
            return "not paid"
        return await context.effect("pay", pay)


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        tasks: how many there were.
        kills: lives ended by SIGKILL.
        completed: tasks that completed.
        asked: questions on record.
        twice: bookings beyond the first of each effect.
        missing: effects that were never booked.
        unasked: tasks of which the inbox did not show exactly one question, in all looks.
        seconds: from beginning to end.
    """

    tasks: int
    kills: int
    completed: int
    asked: int
    twice: int
    missing: int
    unasked: int
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, repeated or asked twice."""
        return self.completed == self.asked == self.tasks and not (self.twice or self.missing or self.unasked)


def play(folder: Path, tasks: int) -> Outcome:
    """Play it in a folder, and judge it by the ledger and the journal."""
    begun = time.perf_counter()
    names = [f"t{number}" for number in range(tasks)]
    life = _begin_life(folder, names)
    _until(lambda: len(_waiting(folder)) == tasks)
    _kill(life)
    wrong = _unasked(folder, names)
    life = _begin_life(folder, names)
    _until(lambda: _count(folder, "run.resumed") == 1)
    wrong += _unasked(folder, names)
    half = tasks // 2
    _answer(folder, names[:half])  # while it runs
    _until(lambda: _count(folder, "task.completed") == half)
    _kill(life)
    _answer(folder, names[half:-1])  # while nothing runs
    wrong += _unasked(folder, names[-1:])
    life = _begin_life(folder, names)
    _until(lambda: _count(folder, "task.completed") == tasks - 1)
    _answer(folder, names[-1:])
    _wait_for(folder, life)
    return _judge(folder, tasks, wrong, time.perf_counter() - begun)


def _judge(folder: Path, tasks: int, wrong: int, seconds: float) -> Outcome:
    bank = Bank(bank_of(folder))
    booked = bank.bookings()
    bank.close()
    with JournalReader(journal_of(folder)) as reader:
        reader.verify()
    return Outcome(
        tasks=tasks,
        kills=2,
        completed=_count(folder, "task.completed"),
        asked=_count(folder, "task.asked"),
        twice=sum(number - 1 for number in booked.values()),
        missing=2 * tasks - len(booked),
        unasked=wrong,
        seconds=round(seconds, 1),
    )


def _begin_life(folder: Path, names: Sequence[str]) -> int:
    def live() -> int:
        asyncio.run(_work(folder, names))
        return 0

    return _fork(folder, live)


async def _work(folder: Path, names: Sequence[str]) -> None:
    bank = Bank(bank_of(folder))
    settings = Settings(journal=journal_of(folder), log_format="off", drain_s=0, answers_every_s=0.05)
    agents, router = [Cashier(bank)], FixedRouter()
    if journal_of(folder).exists():
        async with Orchestrator.resume(RUN, settings, agents=agents, router=router) as o:
            await o.results()
    else:
        async with Orchestrator(settings, agents=agents, router=router, run=RUN) as o:
            await o.run(Plan(name=RUN, tasks=tuple(Task(name, "pay", agent="cashier") for name in names)))
    bank.close()


def _fork(folder: Path, work: Callable[[], int]) -> int:
    """Run something in a fork of this process, which runs no thread; return its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            (folder / "last-words").write_text(traceback.format_exc())
        finally:
            os._exit(code)
    return child


def _wait_for(folder: Path, child: int) -> None:
    _, status = os.waitpid(child, 0)
    if status:
        words = folder / "last-words"
        raise RuntimeError(f"a process ended with {status}; {words.read_text() if words.exists() else ''}")


def _answer(folder: Path, names: Sequence[str]) -> None:
    """Let `pointsman answer` say yes to each, in a process of its own; a second answer is refused."""

    def say() -> int:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            first = [pointsman(["answer", name, "yes", "--by", "Ann"]) for name in names]
            second = pointsman(["answer", names[0], "no"])
        (folder / "last-words").write_text(said.getvalue())
        return 0 if not any(first) and second == 1 else 1

    _wait_for(folder, _fork(folder, say))


def _kill(life: int) -> None:
    os.kill(life, signal.SIGKILL)
    os.waitpid(life, 0)


def _until(reached: Callable[[], bool]) -> None:
    end = time.perf_counter() + _PATIENCE_S
    while not reached():
        if time.perf_counter() > end:
            raise TimeoutError(f"not reached within {_PATIENCE_S:g} s")
        time.sleep(0.02)


def _waiting(folder: Path) -> list[str]:
    if not _count(folder, "task.asked"):
        return []
    with JournalReader(journal_of(folder)) as reader:
        return [posed.task for posed in open_questions(reader.rows)]


def _unasked(folder: Path, names: Sequence[str]) -> int:
    """Return how many of these tasks the inbox shows not exactly once."""
    shown = Counter(_waiting(folder))
    return sum(shown[name] != 1 for name in names)


def _count(folder: Path, topic: str) -> int:
    try:
        with JournalReader(journal_of(folder)) as reader:
            return sum(1 for _ in reader.rows(run=RUN, topics=(topic,)))
    except JournalError:  # it is being made
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Play it once and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos.people", description=__doc__)
    parser.add_argument("--tasks", type=int, default=20, help="tasks that wait for a person (20)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="pointsman-people-") as name:
        os.environ["POINTSMAN_JOURNAL"] = str(journal_of(Path(name)))
        outcome = play(Path(name), options.tasks)
    print(json.dumps({**outcome._asdict(), "passed": outcome.passed}))
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main())
