import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import JournalError, ResumeError
from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time
from tests.orchestrator.runs import make, now

PATIENT = Policy(concurrency=2, retry=Retry(max_attempts=4, backoff_s=7, jitter=0))


class Ledger:
    """Stands for the other side: counts what was done to it by key."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def book(self, key: str) -> str:
        self.done[key] += 1
        return f"receipt of {key}"


class Clerk:
    """Books, adds tasks once in a while, and fails its first attempt at every third task."""

    def __init__(self, ledger: Ledger, name: str = "a", version: str = "1") -> None:
        self.card = ScriptedAgent(name, policy=PATIENT).card.model_copy(update={"version": version})
        self.ledger = ledger
        self.begun: Counter[str] = Counter()

    async def handle(self, task: Task, context: TaskContext) -> Any:
        self.begun[task.id] += 1
        await asyncio.sleep(1)
        receipt = await context.effect("book", self.ledger.book)
        number = int(task.id.partition("/")[0].removeprefix("t"))
        if number % 3 == 0 and context.attempt == 1:
            raise ConnectionError("try again")
        if number % 4 == 0 and not task.parent:
            first = context.add_task("a")
            context.add_task("a", after=first.id)
        return receipt


def plan(tasks: int = 9) -> Plan:
    made = [Task(f"t{n}", "a", after=(f"t{n - 2}",) if n > 2 else ()) for n in range(1, tasks + 1)]
    return Plan(name="p", tasks=tuple(made))


def reopened(rows: list[Row]) -> MemoryJournal:
    """Return what is left of a journal when a crash lost all that came after these rows."""
    journal = MemoryJournal("r")
    journal.rows = list(rows)
    return journal


def resume(agents: list[Any], journal: MemoryJournal, accept: tuple[str, ...] = ()) -> Orchestrator:
    return Orchestrator.resume(
        "r",
        Settings(log_format="off"),
        agents=agents,
        router=FixedRouter(),
        journal=journal,
        clock=VirtualClock(),
        accept=accept,
    )


def topics(journal: MemoryJournal, task: str = "") -> list[str]:
    return [row.envelope.topic for row in journal.select(task=task)]


def crashed(rows: list[Row], ledger_of: Callable[[], Ledger]) -> tuple[MemoryJournal, Ledger, dict[str, Any]]:
    """Resume from these rows alone, run to the end, and return journal, ledger and results."""

    async def go_on() -> tuple[MemoryJournal, Ledger, dict[str, Any]]:
        journal, ledger = reopened(rows), ledger_of()
        async with resume([Clerk(ledger)], journal) as o:
            return journal, ledger, await o.results()

    return run_virtual(go_on())


async def whole() -> tuple[list[Row], dict[str, Any]]:
    journal = MemoryJournal("r")
    async with make([Clerk(Ledger())], journal) as o:
        await o.run(plan())
        return journal.rows[:], await o.results()


ROWS, RESULTS = run_virtual(whole())


def done_by(rows: list[Row]) -> Ledger:
    """Return what the other side had seen at least by these rows: what is on record as done."""
    ledger = Ledger()
    for row in rows:
        if row.envelope.topic == "effect.done":
            ledger.done[row.envelope.body["key"]] += 1
    return ledger


def submitted_at() -> int:
    return next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.routed")


@pytest.mark.parametrize("cut", range(submitted_at(), len(ROWS) + 1))
def test_a_run_that_crashed_after_any_row_goes_on_to_the_same_end(cut: int) -> None:
    """Whichever row was the last one safe: every task ends completed, once, with the output that it would have had."""
    journal, ledger, results = crashed(ROWS[:cut], lambda: done_by(ROWS[:cut]))
    assert {name: (r.status, r.output) for name, r in results.items()} == {
        name: (r.status, r.output) for name, r in RESULTS.items()
    }
    ends = Counter(row.envelope.correlation_id for row in journal.select(topics=("task.completed",)))
    assert set(ends.values()) == {1}
    assert set(ledger.done.values()) == {1}, "an effect with a receipt is never done again"
    assert len(ledger.done) == len(results)
    ids = [int(row.envelope.id) for row in journal.rows]
    assert ids == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("again", range(1, 26, 4))
def test_a_crash_while_resuming_leaves_a_run_to_be_resumed(again: int) -> None:
    """However many rows of the recovery itself were safe."""
    cut = len(ROWS) // 2
    first, _, _ = crashed(ROWS[:cut], lambda: done_by(ROWS[:cut]))
    second = first.rows[: cut + again]
    journal, ledger, results = crashed(second, lambda: done_by(second))
    assert {r.status for r in results.values()} == {"completed"}
    assert results.keys() == RESULTS.keys()
    assert set(ledger.done.values()) == {1}
    assert topics(journal).count("run.resumed") == 2


@in_virtual_time
async def test_what_has_ended_is_not_begun_again() -> None:
    """Resuming a run that is over does nothing but say so."""
    clerk = Clerk(Ledger())
    journal = reopened(ROWS)
    async with resume([clerk], journal) as o:
        assert (await o.results()).keys() == RESULTS.keys()
    assert not clerk.begun
    assert topics(journal)[len(ROWS) :] == ["run.resumed", "registry.agent_registered", "run.stopped"]


@in_virtual_time
async def test_an_attempt_cut_short_by_a_crash_counts() -> None:
    """The next one bears the next number; a task that kills the process cannot do so for ever."""
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a crash, as far as the journal can tell
        async with make([ScriptedAgent("a", takes_s=50, policy=PATIENT)], journal) as o:
            await o.submit("a", id="t1")
            await asyncio.sleep(1)
            raise ZeroDivisionError
    agent = ScriptedAgent("a", [lambda _task, context: context.attempt], policy=PATIENT)
    async with resume([agent], reopened(journal.rows)) as o:
        assert (await o.results())["t1"].output == 2


@in_virtual_time
async def test_a_task_whose_last_attempt_ended_the_process_becomes_a_dead_letter() -> None:
    """It is not begun a time more than its policy permits."""
    once = Policy(retry=Retry(max_attempts=1))
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as above
        async with make([ScriptedAgent("a", takes_s=50, policy=once)], journal) as o:
            await o.submit("a", id="t1")
            await asyncio.sleep(1)
            raise ZeroDivisionError
    agent = ScriptedAgent("a", policy=once)
    async with resume([agent], reopened(journal.rows)) as o:
        result = (await o.results())["t1"]
    assert (result.status, result.attempts, agent.calls) == ("dead_lettered", 1, [])
    assert "the process ended in attempt 1 of 1" in result.error


@in_virtual_time
async def test_an_attempt_cut_short_by_a_stop_does_not_count() -> None:
    """Leaving the block interrupts what takes too long; that is nobody's failure."""
    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", takes_s=50, policy=PATIENT)], journal, drain_s=2) as o:
        await o.submit("a", id="t1")
    agent = ScriptedAgent("a", [lambda _task, context: context.attempt], policy=PATIENT)
    async with resume([agent], reopened(journal.rows)) as o:
        assert (await o.results())["t1"].output == 1


@in_virtual_time
async def test_a_retry_waits_for_the_rest_of_its_time() -> None:
    """The timer of a retry survives; the seconds that passed meanwhile count."""
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as above
        async with make([ScriptedAgent("a", [ConnectionError("x")], policy=PATIENT)], journal) as o:
            await o.submit("a", id="t1")
            await asyncio.sleep(3)
            raise ZeroDivisionError
    agent = ScriptedAgent("a", policy=PATIENT)
    begun = now()
    async with resume([agent], reopened(journal.rows)) as o:
        await o.results()
        assert now() - begun == pytest.approx(4)


@in_virtual_time
async def test_a_retry_is_due_at_its_time_whoever_is_busy_till_then() -> None:
    """What is left of its wait counts from the moment the run goes on, not from when a worker is free to look at it."""
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as above
        async with make([ScriptedAgent("a", [ConnectionError("x"), _takes_long], policy=PATIENT)], journal) as o:
            await o.submit("a", id="waits")
            await asyncio.sleep(1)
            for name in ("busy1", "busy2"):
                await o.submit("a", id=name)
                await o.submit("a", id=f"{name}-next", after=name)  # makes it more urgent than what waits
            await asyncio.sleep(1)
            raise ZeroDivisionError
    journal = reopened(journal.rows)
    async with resume([ScriptedAgent("a", [_takes_long], policy=PATIENT)], journal) as o:
        await o.results()
    started = {
        row.envelope.correlation_id: row.envelope.at for row in journal.select() if "started" in row.envelope.topic
    }
    assert started["waits"] - started["busy1"] == pytest.approx(9)


async def _takes_long(_task: Task, _context: TaskContext) -> None:
    await asyncio.sleep(9)


@pytest.mark.parametrize("shift_s", [3600.0, -3600.0])
def test_a_clock_moved_by_an_hour_moves_no_timer_beyond_its_own_length(shift_s: float) -> None:
    """Forward: due at once. Backward: it waits its whole time again, not an hour more."""

    class Moved(VirtualClock):
        def now(self) -> float:
            return super().now() + shift_s

    async def go() -> float:
        journal = MemoryJournal("r")
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as above
            async with make([ScriptedAgent("a", [ConnectionError("x")], policy=PATIENT)], journal) as o:
                await o.submit("a", id="t1")
                await asyncio.sleep(3)
                raise ZeroDivisionError
        begun = now()
        agent = ScriptedAgent("a", policy=PATIENT)
        settings, again = Settings(log_format="off"), reopened(journal.rows)
        async with Orchestrator.resume(
            "r", settings, agents=[agent], router=FixedRouter(), journal=again, clock=Moved()
        ) as o:
            await o.results()
            return now() - begun

    assert run_virtual(go()) == pytest.approx(0 if shift_s > 0 else 7)


@in_virtual_time
async def test_an_open_breaker_stays_open() -> None:
    """Until its cooldown is over, counted from the failure that opened it."""
    policy = Policy(retry=Retry(max_attempts=1), breaker=Breaker(failures=1, cooldown_s=20))
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as above
        async with make([ScriptedAgent("a", [ConnectionError("x")], policy=policy)], journal) as o:
            await (await o.submit("a", id="t1")).result()
            await o.submit("a", id="t2", agent="a")
            await asyncio.sleep(5)
            raise ZeroDivisionError
    begun = now()
    async with resume([ScriptedAgent("a", policy=policy)], reopened(journal.rows)) as o:
        assert o._supervisor.vetoes() == {"a": "breaker open after 1 failures in a row"}
        await o.results()
        assert now() - begun == pytest.approx(15)


@in_virtual_time
async def test_a_task_goes_to_the_agent_that_the_record_says() -> None:
    """The router of today is not asked again about what was decided."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.started")
    journal = reopened(ROWS[:cut])
    before = topics(journal).count("task.routed")
    async with resume([Clerk(Ledger())], journal) as o:
        await o.results()
    assert topics(journal, "t1").count("task.routed") == 1 == before - 1


@in_virtual_time
async def test_a_run_refuses_to_go_on_without_an_agent_that_its_tasks_went_to() -> None:
    """Nothing is written; the error says which agent, which tasks, and what to do."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.started")
    journal = reopened(ROWS[:cut])
    with pytest.raises(ResumeError, match=r"agent 'a' is missing, and tasks 't1', 't2' went to it: install it"):
        async with resume([ScriptedAgent("b")], journal):
            pass
    assert len(journal.rows) == cut


@in_virtual_time
async def test_tasks_of_a_missing_agent_are_routed_anew_where_that_is_accepted() -> None:
    """Whoever says so knows what becomes of them."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "task.started")
    async with resume([ScriptedAgent("b", examples=["a"])], reopened(ROWS[:cut]), accept=("a",)) as o:
        assert {result.status for result in (await o.results()).values()} >= {"abstained"}


def _with_effect() -> int:
    """Return how many rows there are when the first effect is done and its task is not."""
    return next(at for at, row in enumerate(ROWS) if row.envelope.topic == "effect.done") + 1


@in_virtual_time
async def test_other_code_may_do_what_nobody_began() -> None:
    """A new version of an agent is no reason to refuse as long as no receipt answers to the old one."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.topic == "effect.intended")
    async with resume([Clerk(Ledger(), version="2")], reopened(ROWS[:cut])) as o:
        assert {result.status for result in (await o.results()).values()} == {"completed"}


@in_virtual_time
async def test_other_code_may_not_take_over_the_receipts_of_an_attempt() -> None:
    """It might ask for other effects in another order; the error says so, and how to accept that."""
    cut = _with_effect()
    with pytest.raises(ResumeError, match=r"'a' has changed from version 1 to 2 while task 't1' had effects on record"):
        async with resume([Clerk(Ledger(), version="2")], reopened(ROWS[:cut])):
            pass
    async with resume([Clerk(done_by(ROWS[:cut]), version="2")], reopened(ROWS[:cut]), accept=("a",)) as o:
        assert {result.status for result in (await o.results()).values()} == {"completed"}


@in_virtual_time
async def test_changed_code_is_noticed_without_a_new_version() -> None:
    """The compiled handler is part of what is registered."""

    class Another(Clerk):
        async def handle(self, task: Task, context: TaskContext) -> Any:
            return await context.effect("book twice", self.ledger.book)

    with pytest.raises(ResumeError, match=r"'a' has changed while task 't1'"):
        async with resume([Another(Ledger())], reopened(ROWS[: _with_effect()])):
            pass


@in_virtual_time
async def test_a_run_that_the_journal_does_not_have_is_refused() -> None:
    """By name."""
    with pytest.raises(JournalError, match="no run 'r'"):
        async with resume([ScriptedAgent("a")], MemoryJournal("r")):
            pass


@in_virtual_time
async def test_tasks_that_an_attempt_added_before_it_was_cut_short_are_added_once() -> None:
    """Their submission was on record, the end of the attempt was not: it adds them again."""
    cut = next(at for at, row in enumerate(ROWS) if row.envelope.correlation_id == "t4/2") + 1
    assert ROWS[cut].envelope.topic == "task.completed"
    journal, _, results = reopened(ROWS[:cut]), None, {}
    async with resume([Clerk(done_by(ROWS[:cut]))], journal) as o:
        results = await o.results()
    assert [row.envelope.body["withdrawn"] for row in journal.select(topics=("run.resumed",))] == [["t4/1", "t4/2"]]
    assert results["t4/2"].ok
    assert topics(journal, "t4/2").count("task.submitted") == 2


@in_virtual_time
async def test_more_tasks_may_be_submitted_to_a_resumed_run() -> None:
    """It is a run like any other; ids that are taken are taken."""
    async with resume([Clerk(Ledger())], reopened(ROWS)) as o:
        assert (await (await o.submit("a", id="t101", after="t9")).result()).ok
