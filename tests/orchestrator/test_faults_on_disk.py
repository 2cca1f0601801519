import asyncio
import contextlib
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Final

from orchestrator.context import TaskContext
from orchestrator.errors import AnswerError
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import functions_of, wrong_at

COMPONENTS: Final = (
    "orchestrator.context",
    "orchestrator.departure",
    "orchestrator.effects",
    "orchestrator.inbox",
    "orchestrator.journal.batch",
    "orchestrator.journal.claim",
    "orchestrator.journal.faults",
    "orchestrator.journal.ownership",
    "orchestrator.journal.process",
    "orchestrator.journal.reader",
    "orchestrator.journal.reading",
    "orchestrator.journal.rows",
    "orchestrator.journal.schema",
    "orchestrator.journal.sqlite",
    "orchestrator.journal.threads",
    "orchestrator.listener",
    "orchestrator.outside",
    "orchestrator.progress",
    "orchestrator.questions",
    "orchestrator.recovery",
    "orchestrator.refusals",
    "orchestrator.resumption",
)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 113
FUNCTIONS: Final = functions_of(COMPONENTS)
POLICY: Final = Policy(concurrency=2, timeout_s=2, retry=Retry(max_attempts=3, backoff_s=0.01, jitter=0))
PLAN: Final = Plan(
    "on disk",
    (
        Task("asks", "asker"),
        Task("doubts", "doubter"),
        Task("heir", "steady", after=("asks",)),
        Task("flaky", "flaky"),
        Task("late", "late"),
    ),
)


async def _ask(_task: Task, context: TaskContext) -> str:
    await context.effect("book", lambda key: key)
    return await context.ask("go on?")


async def _doubt(_task: Task, context: TaskContext) -> Any:
    return await context.effect("pay", _break, in_doubt="ask")


def _break(_key: str) -> None:
    raise ConnectionError("reset by peer")


def _agents() -> list[ScriptedAgent]:
    return [
        ScriptedAgent("asker", [_ask], policy=POLICY),
        ScriptedAgent("doubter", [_doubt], policy=POLICY),
        ScriptedAgent("steady", ["ok"], policy=POLICY),
        ScriptedAgent("flaky", [ValueError("once"), "ok"], policy=POLICY),
        ScriptedAgent("late", ["ok"], takes_s=0.2, policy=POLICY),
    ]


async def scenario(told: list[str]) -> None:
    """Begin a run on a disk, leave it while a task waits for a person and another is under way, and go on with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.db"
        settings = Settings(log_format="off", drain_s=0, answers_every_s=0.02, lease_s=0.3, journal=path)
        try:
            async with Orchestrator(settings, agents=_agents(), router=FixedRouter(), run="r") as o:
                await o.submit_plan(PLAN)
                await _until_people_are_asked(o)
            async with Orchestrator.resume("r", settings, agents=_agents(), router=FixedRouter()) as o:
                await _answer(o)
                told += [f"{it.task_id} {it.status} {it.error}" for it in (await o.results()).values()]
        finally:
            told += _rows(path)


async def _until_people_are_asked(o: Orchestrator) -> None:
    """Wait until each task but the late one and its heir has ended or waits for a person."""
    while len(o._graph.unfinished()) > o._parts.questions.open + 2:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.002)


async def _answer(o: Orchestrator) -> None:
    while asking := {"asks", "doubts"}.intersection(o._graph.unfinished()):
        for task in asking:
            with contextlib.suppress(AnswerError):  # it is asked in a moment, or was answered
                await o.answer(task, "yes")
        await asyncio.sleep(0.005)


def _rows(path: Path) -> list[str]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        return [bytes(row).decode() for (row,) in connection.execute("SELECT row FROM rows")]
    except sqlite3.OperationalError:  # there is no table yet
        return []
    finally:
        connection.close()


def test_every_fault_on_a_disk_and_on_the_way_back_is_reported() -> None:
    """In the journal, in going on from it, in asking people: nothing hangs, nothing is unheard."""
    assert not wrong_at(FUNCTIONS, scenario, SOME, virtual=False)
