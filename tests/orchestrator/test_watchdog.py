import asyncio
from typing import Any

import pytest

from orchestrator.journal import JournalStatistics, MemoryJournal
from orchestrator.messages import Envelope
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.stuck import Stuck, describe_stuck
from orchestrator.testing import ScriptedAgent, in_virtual_time
from tests.orchestrator.runs import make, now

ONE = Policy(concurrency=1, timeout_s=1000, retry=Retry(max_attempts=1))


def said(o: Orchestrator) -> list[Envelope]:
    """Return what the watchdog put on record."""
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope for row in o._journal.rows if row.envelope.topic == "run.stuck"]


def lose_workers(o: Orchestrator, agent: str) -> None:
    """Break a run as a fault of ours would: nobody takes what is sent to an agent."""
    for worker in o._supervisor._runners[agent]._workers:
        worker.cancel()


@in_virtual_time
async def test_a_run_in_which_nothing_happens_is_named_with_what_it_waits_for() -> None:
    """On record, on the bus and in the statistics: open tasks, what they wait for, and who has them."""
    async with make([ScriptedAgent("a", policy=ONE), ScriptedAgent("b")], stuck_after_s=30, drain_s=0) as o:
        heard = o.bus.subscribe("run.stuck")
        lose_workers(o, "a")
        await o.submit("a please", id="first")
        await o.submit("b please", id="second", after=["first"])
        envelope = await heard.receive()
        assert now() == pytest.approx(60, abs=0.01)  # between 0 and 30 s there were rows
        assert envelope.body == {
            "silent_s": 30,
            "open": 2,
            "tasks": [
                {"task": "first", "state": "ready"},
                {"task": "second", "state": "waiting", "after": ["first"]},
            ],
            "agents": {"a": {"queued": 1, "in_hand": 0}},
        }
        stuck = o.statistics().stuck
        assert stuck is not None
        assert stuck.to_json() == envelope.body
        assert stuck.describe() == (
            "nothing happened for 30 s, 2 tasks are open; first is ready; second is waiting, for first; "
            "agent a: 1 queued, 0 in hand"
        )


@in_virtual_time
async def test_what_stays_stuck_is_said_again_ever_more_rarely() -> None:
    """After twice the time each time; and it is said anew at the usual pace once something happened."""
    async with make([ScriptedAgent("a", policy=ONE), ScriptedAgent("b")], stuck_after_s=10, drain_s=0) as o:
        heard = o.bus.subscribe("run.stuck")
        lose_workers(o, "a")
        await o.submit("a please")
        assert [(await heard.receive()).body["silent_s"] for _ in range(3)] == [10, 30, 70]
        await o.submit("b please")
        assert (await heard.receive()).body["silent_s"] == 10


@in_virtual_time
async def test_a_subscription_that_nobody_reads_is_named() -> None:
    """It holds publishers up, however many handlers run meanwhile; saying so waits for it no longer than a second."""
    async with make([ScriptedAgent("a", takes_s=900, policy=ONE)], stuck_after_s=30, drain_s=0) as o:
        unread = o.bus.subscribe("task.*", "run.*", maxsize=2)
        await o.submit("a please", id="t")
        await asyncio.sleep(65)
        stuck = o.statistics().stuck
        assert stuck is not None
        assert stuck.full == ("task.*, run.*",)
        assert "nobody reads the subscription to task.*, run.*" in stuck.describe()
        assert [envelope.body["full"] for envelope in said(o)] == [["task.*, run.*"]]
        unread.close()


class Behind:
    """A journal whose disk takes the first row and then no more."""

    epoch = 1

    def __init__(self) -> None:
        self.appended: list[Envelope] = []

    def append(self, envelope: Envelope) -> bool:
        self.appended.append(envelope)
        return True

    async def sync(self) -> None:
        if any(envelope.topic == "task.started" for envelope in self.appended):
            await asyncio.sleep(900)

    async def aclose(self) -> None:
        """Close nothing."""

    def statistics(self) -> JournalStatistics:
        return JournalStatistics(len(self.appended), 1, 1)


@in_virtual_time
async def test_rows_that_do_not_get_to_the_disk_are_named() -> None:
    """A disk that hangs holds up the whole run, whatever is in the hands of workers."""
    journal = Behind()
    async with make([ScriptedAgent("a", policy=ONE)], journal, stuck_after_s=30, drain_s=0) as o:  # type: ignore[arg-type] # it is a Journal
        await o.submit("a please")
        await asyncio.sleep(70)
        assert o.statistics().stuck is not None
    [found] = [envelope for envelope in journal.appended if envelope.topic == "run.stuck"]
    assert found.body["not_on_disk"] == journal.appended.index(found) - 1


@pytest.mark.parametrize(
    "agent",
    [
        ScriptedAgent("a", takes_s=900, policy=ONE),
        ScriptedAgent("a", [ValueError("x"), "ok"], policy=Policy(retry=Retry(backoff_s=900, max_backoff_s=900))),
        ScriptedAgent("a", [ValueError("x"), "ok"], policy=Policy(breaker=Breaker(failures=1, cooldown_s=900))),
        ScriptedAgent("a", [lambda _, context: context.ask("may I?")], policy=ONE),
    ],
    ids=["handler", "retry", "breaker", "question"],
)
@in_virtual_time
async def test_what_will_go_on_by_itself_is_not_stuck(agent: Any) -> None:
    """A handler that runs, a retry or a breaker whose time comes, a person who is asked."""
    async with make([agent], stuck_after_s=30, drain_s=0) as o:
        await o.submit("a please", id="t")
        await asyncio.sleep(800)
        assert o.statistics().stuck is None
        assert not said(o)


@in_virtual_time
async def test_a_run_without_tasks_is_idle_and_not_stuck() -> None:
    """Nobody waits for anything; and a run that is not watched is never named."""
    async with make([ScriptedAgent("a")], stuck_after_s=30) as o:
        await asyncio.sleep(800)
        assert o.statistics().stuck is None
    async with make([ScriptedAgent("a")], stuck_after_s=0, drain_s=0) as o:
        lose_workers(o, "a")
        await o.submit("a please")
        await asyncio.sleep(800)
        assert o.statistics().stuck is None


def test_a_journal_of_a_stuck_run_is_the_same_again_and_again() -> None:
    """The same seed and the same fault give a byte-equal journal, the watchdog's rows included."""
    exports = set()

    @in_virtual_time
    async def play() -> None:
        journal = MemoryJournal("r")
        async with make([ScriptedAgent("a", policy=ONE)], journal, stuck_after_s=5, drain_s=0) as o:
            lose_workers(o, "a")
            await o.submit("a please", id="t")
            await asyncio.sleep(100)
        exports.add(journal.export())

    play()
    play()
    [export] = exports
    assert export.count(b"run.stuck") == 4


@in_virtual_time
async def test_in_virtual_time_it_is_said_a_number_of_times_and_then_left() -> None:
    """A day passes at once there: a run that is stuck for good neither spins nor fills its journal."""
    async with make([ScriptedAgent("a", policy=ONE)], stuck_after_s=0.01, drain_s=0) as o:
        lose_workers(o, "a")
        await o.submit("a please")
        await asyncio.sleep(80_000)
        assert len(said(o)) == 16


def test_a_long_list_is_cut_short() -> None:
    """People get the first three tasks, and the first three that each waits for."""
    waits = {"task": "t", "state": "waiting", "after": ["a", "b", "c", "d"], "agent": "x"}
    body = Stuck(1.5, 9, (waits,) * 5, {"x": {"queued": 1, "in_hand": 2, "why": "breaker open"}}, (), 3).to_json()
    assert describe_stuck(body) == (
        "nothing happened for 1.5 s, 9 tasks are open; "
        + "t is waiting, for a, b, c and others with x; " * 3
        + "agent x: 1 queued, 2 in hand, breaker open; 3 rows do not get to the disk"
    )
