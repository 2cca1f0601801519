import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator.agent import AgentCard, adopt
from orchestrator.budget import Budget
from orchestrator.clock import SystemClock, run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, BudgetExceededError
from orchestrator.inbox import open_questions
from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, in_virtual_time, until_blocked
from tests.orchestrator.runs import make
from tests.orchestrator.test_resumption import Ledger, done_by, reopened, resume

Plain = Callable[[Task, TaskContext], Any]
SINGLE = Policy(concurrency=1, retry=Retry(max_attempts=4, backoff_s=0, jitter=0))


class Blunt:
    """An agent with a plain `handle`."""

    def __init__(self, handle: Plain, policy: Policy = SINGLE) -> None:
        self.card = AgentCard(name="a", summary="blunt", examples=("a",), policy=policy)
        self._handle = handle

    def handle(self, task: Task, context: TaskContext) -> Any:
        return self._handle(task, context)


def real(agent: Blunt, journal: MemoryJournal) -> Orchestrator:
    return Orchestrator(
        Settings(log_format="off", drain_s=0),
        agents=[agent],
        router=FixedRouter(),
        journal=journal,
        clock=SystemClock(),
        run="r",
    )


async def outcome(handle: Plain, policy: Policy = SINGLE) -> tuple[Result, MemoryJournal]:
    """Run one task in real time, its handler in a thread."""
    journal = MemoryJournal("r")
    async with real(Blunt(handle, policy), journal) as o:
        return await (await o.submit("a", id="t1")).result(), journal


def topics(rows: list[Row], about: str) -> list[str]:
    return [row.envelope.topic for row in rows if row.envelope.topic.startswith(about)]


async def test_an_effect_from_a_thread_is_recorded_before_and_after() -> None:
    """As one that is awaited; the function runs in a thread, too, and a later attempt does not call it."""
    calls: list[tuple[str, int, list[str]]] = []
    journal = MemoryJournal("r")

    def book(key: str) -> str:
        calls.append((key, threading.get_ident(), topics(journal.rows, "effect.")))
        return key

    def handle(_task: Task, context: TaskContext) -> Any:
        receipt = context.blocking.effect("book", book)
        if context.attempt == 1:
            raise ConnectionError("later")
        return receipt, threading.get_ident()

    async with real(Blunt(handle), journal) as o:
        result = await (await o.submit("a", id="t1")).result()
    (key, thread, seen), *more = calls
    assert (result.output[0], result.attempts, key, more) == ("r/t1/book/1", 2, "r/t1/book/1", [])
    assert seen == ["effect.intended"]
    assert topics(journal.rows, "effect.") == ["effect.intended", "effect.done"]
    assert threading.get_ident() not in (thread, result.output[1])


async def test_a_handler_may_have_effects_from_threads_of_its_own() -> None:
    """One after the other, each with its receipt."""

    def handle(_task: Task, context: TaskContext) -> Any:
        def have(number: int) -> Any:
            return context.blocking.effect("book", lambda key: key, key=f"k{number}")

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(have, range(8)))

    result, journal = await outcome(handle)
    assert result.output == [f"k{number}" for number in range(8)]
    assert len(topics(journal.rows, "effect.done")) == 8


async def test_what_an_effect_raises_is_raised_in_the_thread() -> None:
    """And recorded: it is in doubt then."""

    def handle(_task: Task, context: TaskContext) -> Any:
        try:
            context.blocking.effect("book", lambda _key: 1 // 0)
        except ZeroDivisionError as error:
            return str(error)

    result, journal = await outcome(handle)
    assert result.output == "integer division or modulo by zero"
    assert topics(journal.rows, "effect.") == ["effect.intended", "effect.raised"]


async def test_nothing_is_done_for_an_attempt_that_is_over() -> None:
    """It is cut off in what it waits for; whatever its thread wants after that, it is told the same."""
    heard: list[type[BaseException]] = []
    journal, begun, over = MemoryJournal("r"), asyncio.Event(), threading.Event()

    async def hang(_key: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    def handle(_task: Task, context: TaskContext) -> None:
        for function in (hang, str):
            try:
                context.blocking.effect("book", function)
            except BaseException as error:  # noqa: BLE001 - that is what it is about
                heard.append(type(error))
        over.set()

    async with real(Blunt(handle), journal) as o:
        await o.submit("a")
        await begun.wait()
        assert await o.unregister("a") == 1
    await asyncio.to_thread(over.wait)
    assert heard == [asyncio.CancelledError] * 2
    assert topics(journal.rows, "effect.") == ["effect.intended"]


async def test_a_thread_that_outlives_its_run_is_told_so() -> None:
    """What it computes is nobody's any more."""
    begun, go, told = threading.Event(), threading.Event(), threading.Event()

    def handle(_task: Task, context: TaskContext) -> None:
        begun.set()
        go.wait()
        try:
            context.blocking.effect("book", str)
        except asyncio.CancelledError:
            told.set()

    async with real(Blunt(handle), MemoryJournal("r")) as o:
        await o.submit("a")
        await asyncio.to_thread(begun.wait)
    go.set()
    await asyncio.to_thread(told.wait)


class Payer(Blunt):
    """Reserves, asks, and pays if it may, all of it without `await`; and adds a task."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(self.pay)
        self.ledger = ledger

    def pay(self, task: Task, context: TaskContext) -> Any:
        """Do it."""
        context.blocking.effect("reserve", self.ledger.book)
        if task.parent:
            return "added"
        who = context.blocking.ask("from which account?", ("main", "other"))
        context.blocking.effect("pay", self.ledger.book)
        context.add_task("a")
        return f"paid from {who}"


async def pay(o: Orchestrator, journal: MemoryJournal) -> dict[str, Any]:
    """Answer what is asked until all is done."""
    while o._graph.unfinished():
        await until_blocked()
        for posed in open_questions(journal.select):
            await o.answer(posed.task, "main")
        await asyncio.sleep(0.001)
    return {name: result.output for name, result in (await o.results()).items()}


async def whole() -> list[Row]:
    journal = MemoryJournal("r")
    async with make([Payer(Ledger())], journal) as o:
        await o.submit("a", id="t1")
        assert await pay(o, journal) == {"t1": "paid from main", "t1/1": "added"}
    return journal.rows


ROWS = run_virtual(whole())


@pytest.mark.parametrize("cut", range(5, len(ROWS) + 1))
def test_a_run_that_crashed_after_any_row_does_nothing_twice(cut: int) -> None:
    """In particular between an intent and its outcome: the same key is used again."""
    ledger = done_by(ROWS[:cut])

    async def go_on() -> dict[str, Any]:
        journal = reopened(ROWS[:cut])
        async with resume([Payer(ledger)], journal) as o:
            return await pay(o, journal)

    assert run_virtual(go_on()) == {"t1": "paid from main", "t1/1": "added"}
    assert set(ledger.done.values()) == {1}


async def test_a_thread_that_asks_a_person_ends() -> None:
    """Its task waits, and holds neither thread nor worker; then the handler runs again and gets the answer."""
    journal, ledger = MemoryJournal("r"), Ledger()
    async with real(Payer(ledger), journal) as o:
        await o.submit("a", id="t1")
        assert await pay(o, journal) == {"t1": "paid from main", "t1/1": "added"}
        assert {result.attempts for result in (await o.results()).values()} == {1}
    assert set(ledger.done.values()) == {1}


@in_virtual_time
async def test_in_virtual_time_a_thread_spends_in_its_turn() -> None:
    """The loop stands still while the thread works, so it could count nothing; what is exceeded is raised there."""
    told: list[str] = []

    def handle(_task: Task, context: TaskContext) -> str:
        context.spend(tokens=5)
        told.extend(topics(journal.rows, "budget."))
        try:
            context.spend(tokens=50)
        except BudgetExceededError as error:
            return error.shortage.figures
        return ""

    journal = MemoryJournal("r")
    async with make([Blunt(handle)], journal, budget=Budget(tokens=40)) as o:
        result = await (await o.submit("a", id="t1")).result()
        spent = o.statistics().budgets[0].spent["tokens"]
    assert (result.output, spent, told) == ("55 tokens spent of 40", 55, ["budget.spent"])


@in_virtual_time
async def test_in_virtual_time_a_thread_and_the_loop_take_turns() -> None:
    """What has to be waited for takes its virtual time, and nothing depends on how fast the thread is."""

    def handle(_task: Task, context: TaskContext) -> Any:
        begun = context.blocking.read("clock", _moment)
        context.blocking.effect("book", lambda _key: asyncio.sleep(1))
        return context.blocking.read("clock", _moment) - begun

    async def _moment() -> float:
        return asyncio.get_running_loop().time()

    async with make([Blunt(handle)]) as o:
        result = await (await o.submit("a")).result()
    assert (result.status, result.attempts, result.output) == ("completed", 1, 1.0)


def test_a_handler_called_by_hand_has_its_effects_at_once() -> None:
    """So that it can be tested as it is; where a loop runs it would hold that up, and is refused."""
    context = TaskContext(Task("t", "a"))
    assert context.blocking.effect("book", lambda key: key) == "book"
    with pytest.raises(AgentError, match=r"it has `context\.blocking\.effect`"):
        context.effect("book", str).close()

    async def on_a_loop() -> None:
        with pytest.raises(AgentError, match="would hold up the loop"):
            context.blocking.ask("may I?")

    asyncio.run(on_a_loop())


async def test_a_clock_with_threads_of_its_own_is_refused_rather_than_waited_for() -> None:
    """Nobody would serve its thread: the handler fails with the reason."""

    class Own(SystemClock):
        async def run_blocking(self, function: Callable[[], Any]) -> Any:
            return await asyncio.to_thread(function)

    agent = adopt(Blunt(lambda _task, context: context.blocking.effect("book", str)))
    with pytest.raises(AgentError, match="this clock"):
        await agent.handle(Task("t", "a"), TaskContext(Task("t", "a"), clock=Own()))
