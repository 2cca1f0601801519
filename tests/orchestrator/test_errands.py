import asyncio
import threading
from typing import Any

import pytest

from orchestrator.budget import Budget
from orchestrator.clock import SystemClock
from orchestrator.context import TaskContext
from orchestrator.errands import Errands
from orchestrator.errors import BudgetExceededError, JournalError, StoppedError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from tests.orchestrator import spending_agents as them

ONCE = Policy(concurrency=2, retry=Retry(max_attempts=1))


class Plain:
    """A plain `def` handler: it runs in a thread."""

    def __init__(self, work: Any) -> None:
        from orchestrator.testing import ScriptedAgent

        self.card = ScriptedAgent("plain", policy=ONCE).card
        self.work = work

    def handle(self, task: Task, context: TaskContext) -> Any:
        return self.work(task, context)


def real(journal: MemoryJournal, *agents: Any, **more: Any) -> Orchestrator:
    settings = Settings(log_format="off", drain_s=1)
    clock = SystemClock()
    return Orchestrator(settings, agents=agents, router=FixedRouter(), journal=journal, clock=clock, run="r", **more)


async def outcome(work: Any, journal: MemoryJournal, **more: Any) -> Result:
    async with real(journal, Plain(work), **more) as o:
        return await (await o.submit("plain", id="t1")).result()


async def test_what_a_thread_spends_is_on_record_when_it_goes_on() -> None:
    """It waits in `spend`; nobody else does."""
    journal = MemoryJournal("r")

    def work(_task: Task, context: TaskContext) -> list[str]:
        context.spend(tokens=5, cost=0.5)
        return [row.envelope.topic for row in journal.rows]

    result = await outcome(work, journal)
    assert result.output[-1] == "budget.spent"
    assert [row.envelope.body for row in journal.select(topics=("budget.spent",))] == [
        {"agent": "plain", "attempt": 1, "tokens": 5, "cost": "0.5"}
    ]


async def test_a_thread_is_told_that_a_budget_is_exceeded_once_that_is_on_record() -> None:
    """As an async handler is; what it spent is counted once."""
    journal = MemoryJournal("r")

    def work(_task: Task, context: TaskContext) -> str:
        with pytest.raises(BudgetExceededError) as caught:
            context.spend(tokens=50)
        return caught.value.shortage.figures

    result = await outcome(work, journal, budget=Budget(tokens=40))
    assert result.output == "50 tokens spent of 40"
    assert [row.envelope.body["tokens"] for row in journal.select(topics=("budget.spent",))] == [50]
    assert not [row for row in journal.rows if "spent" in row.envelope.body]


async def test_a_thread_that_spends_when_the_run_has_stopped_is_told_so() -> None:
    """It never waits for a loop that has ended."""
    told: list[BaseException] = []
    over, begun = threading.Event(), threading.Event()

    def work(_task: Task, context: TaskContext) -> None:
        begun.set()
        over.wait(30)
        try:
            context.spend(tokens=5)
        except StoppedError as error:
            told.append(error)

    async with real(MemoryJournal("r"), Plain(work)) as o:
        await o.submit("plain", id="t1")
        await asyncio.to_thread(begun.wait, 30)
        o.hasten()
        o._parts.errands.close()
    over.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [str(error) for error in told] == [str(StoppedError("t1"))]


async def test_threads_that_wait_are_told_when_the_run_stops() -> None:
    """And those that come later, at once."""
    async with asyncio.TaskGroup() as group:
        errands, told, begun = Errands(group), list[str](), asyncio.Event()

        async def wait_long() -> None:
            begun.set()
            await asyncio.sleep(0)
            await over.wait()

        def ask() -> None:
            try:
                errands.run("t1", wait_long)
            except StoppedError as error:
                told.append(str(error))

        over = asyncio.Event()
        async with asyncio.TaskGroup() as threads:
            threads.create_task(asyncio.to_thread(ask))
            await begun.wait()
            errands.close()
        await asyncio.to_thread(ask)
        over.set()
    assert told == [str(StoppedError("t1"))] * 2


async def test_what_an_errand_raises_ends_the_run_and_its_thread_does_not_wait() -> None:
    """A journal that cannot be written is not the handler's to catch."""
    told: list[BaseException] = []
    answered = threading.Event()

    async def fail() -> None:
        raise JournalError("disk full")

    def ask(errands: Errands) -> None:
        try:
            errands.run("t1", fail)
        except StoppedError as error:
            told.append(error)
        answered.set()

    async def run_until_it_fails() -> None:
        async with asyncio.TaskGroup() as group:
            thread = threading.Thread(target=ask, args=(Errands(group),))
            thread.start()
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await run_until_it_fails()
    assert [type(error) for error in caught.value.exceptions] == [JournalError]
    await asyncio.to_thread(answered.wait, 30)
    assert len(told) == 1


async def test_a_handler_in_a_process_of_its_own_spends_from_the_same_budgets() -> None:
    """It is told at once, and may end of it."""
    journal = MemoryJournal("r")
    async with real(journal, them.spender, budget=Budget(cost="0.6")) as o:

        async def ask(name: str, budget: Budget | None = None, **more: bool) -> Result:
            ticket = await o.submit("spender", id=name, payload={"tokens": 5, **more}, budget=budget)
            return await ticket.result()

        first = await ask("t1")
        ended = await ask("t2", Budget(cost="0.2"), raises=True)
        beyond = await ask("t3")
        refused = await ask("t4")
        balance = o.statistics().budgets[0]
    assert ended.error == "the budget of task 't2' is used up: cost 0.25 of 0.2"
    assert first.output["pid"] == beyond.output["pid"], "the process that ended of a budget serves the next task"
    assert (first.output["told"], beyond.output["told"]) == ("", "cost 0.75 of 0.6")
    assert refused.error.startswith("the budget of the run is used up")
    assert (balance.spent["tokens"], balance.spent["cost"]) == (15, 75 * 10**7)


async def test_what_a_killed_process_spent_is_on_record() -> None:
    """Whatever it had been told was."""
    journal = MemoryJournal("r")
    async with real(journal, them.spender) as o:
        ticket = await o.submit("spender", id="t1", payload={"tokens": 5, "dies": True})
        assert "SIGKILL" in (await ticket.result()).error
    assert [row.envelope.body["tokens"] for row in journal.select(topics=("budget.spent",))] == [5]


async def test_a_thread_in_another_process_spends_nothing_for_an_attempt_that_is_over() -> None:
    """It would be counted for the task that its process has now."""
    async with real(MemoryJournal("r"), them.keeper, budget=Budget(tokens=100)) as o:
        results = [await (await o.submit("keeper", id=name)).result() for name in ("t1", "t2")]
        balance = o.statistics().budgets[0]
    assert [result.output for result in results] == [
        "",
        "the attempt is over; nothing can be spent for it any more",
    ]
    assert balance.spent["tokens"] == 0
