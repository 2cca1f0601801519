import asyncio
from typing import Any

import pytest

from orchestrator.errors import CardError, DuplicateAgentError, UnknownAgentError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked
from orchestrator.topics import ENDINGS
from router import AgentProfile, RouterError
from tests.orchestrator.runs import make, now


def envelopes(o: Orchestrator, *topics: str) -> list[Envelope]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope for row in o._journal.rows if row.envelope.topic in topics]


def ends_once(o: Orchestrator) -> bool:
    ends = [envelope.correlation_id for envelope in envelopes(o, *ENDINGS)]
    return len(ends) == len(set(ends)) == len(o._graph)


@in_virtual_time
async def test_an_agent_registered_while_running_gets_tasks_at_once() -> None:
    """The router knows it from its card; the registration is on record."""
    async with make([]) as o:
        assert (await (await o.submit("b please")).result()).status == "abstained"
        await o.register(ScriptedAgent("b", ["hello"]))
        assert (await (await o.submit("b please")).result()).output == "hello"
    assert [envelope.body["agent"] for envelope in envelopes(o, "registry.agent_registered")] == ["b"]


@in_virtual_time
async def test_an_unregistered_agent_finishes_what_it_has_and_gets_nothing_more() -> None:
    """Drain: running, queued and waiting-for-retry tasks end as they would have ended."""
    policy = Policy(concurrency=1, retry=Retry(backoff_s=2, jitter=0))
    async with make([ScriptedAgent("a", [ValueError("x"), "ok"], takes_s=1, policy=policy)]) as o:
        tickets = [await o.submit("a") for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(o.unregister("a"))
            await until_blocked()
            assert (await (await o.submit("a")).result()).status == "abstained"
        assert leaving.result() == 0
        assert [(await ticket.result()).output for ticket in tickets] == ["ok", "ok", "ok"]
        assert "a" not in o.registry
    assert [envelope.body for envelope in envelopes(o, "registry.agent_unregistered")] == [{"agent": "a", "left": 0}]


@in_virtual_time
async def test_what_an_agent_has_not_finished_at_the_deadline_is_a_dead_letter() -> None:
    """Running, queued and waiting-for-retry tasks are given up with their cause and attempts, each once."""
    policy = Policy(concurrency=2, timeout_s=1000, retry=Retry(backoff_s=100))
    async with make(
        [ScriptedAgent("a", [ValueError("x"), lambda *_: asyncio.sleep(500)], policy=policy)], drain_s=5
    ) as o:
        tickets = [await o.submit("a") for _ in range(5)]
        await until_blocked()
        assert await o.unregister("a") == 5
        assert round(now()) == 5
        results = [await ticket.result() for ticket in tickets]
        assert {(result.status, result.error) for result in results} == {
            ("dead_lettered", "agent 'a' was unregistered")
        }
        assert [result.attempts for result in results] == [1, 1, 1, 0, 0]
        assert o.bus.statistics().dead_lettered == 5
        assert [letter.cause for letter in o.bus.dead_letters] == ["agent 'a' was unregistered"] * 5
        await asyncio.sleep(1000)  # no timer of a retry is left
    assert ends_once(o)


@in_virtual_time
async def test_a_task_handed_over_in_the_moment_of_the_deadline_is_not_lost() -> None:
    """It is neither queued nor begun: it is a dead letter all the same."""
    scripted = ScriptedAgent("a")
    async with make([scripted], drain_s=0) as o:
        runner = o._supervisor._runners["a"]
        async with asyncio.TaskGroup() as group:
            submitting = group.create_task(o.submit("a"))
            while not runner.statistics().in_hand:  # noqa: ASYNC110 - the very turn of the loop matters
                await asyncio.sleep(0)
            await runner.abandon()
        result = await submitting.result().result()
    assert result.status == "dead_lettered"
    assert scripted.calls == []
    assert ends_once(o)


@in_virtual_time
async def test_an_outcome_that_is_being_recorded_stands() -> None:
    """While its publisher waits for a slow bystander, the agent is unregistered: the task still ends once."""
    async with make([ScriptedAgent("a", ["done"])], drain_s=1) as o:
        slow = o.bus.subscribe("task.completed", maxsize=1)
        await (await o.submit("a")).result()
        ticket = await o.submit("a")
        await until_blocked()
        assert await o.unregister("a") == 0
        assert (await ticket.result()).output == "done"
        slow.close()
    assert ends_once(o)


@in_virtual_time
async def test_a_handler_that_will_not_be_cancelled_cannot_end_its_task_twice() -> None:
    """Its late answer is for nobody: the task was given up."""

    async def stubborn(task: Task, context: Any) -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
        return "late"

    async with make([ScriptedAgent("a", [stubborn], policy=Policy(timeout_s=1000))], drain_s=1) as o:
        ticket = await o.submit("a")
        await until_blocked()
        assert await o.unregister("a") == 1
        assert (await ticket.result()).status == "dead_lettered"
        await asyncio.sleep(10)
    assert ends_once(o)


@in_virtual_time
async def test_a_name_is_free_again_when_its_agent_has_gone() -> None:
    """A new version replaces the old one; while the old one still works, the name is refused."""
    old, new = ScriptedAgent("a", takes_s=5), ScriptedAgent("a", ["new"])
    async with make([old]) as o:
        ticket = await o.submit("a")
        await until_blocked()
        async with asyncio.TaskGroup() as group:
            group.create_task(o.unregister("a"))
            await until_blocked()
            with pytest.raises(DuplicateAgentError, match="still finishing"):
                await o.register(new)
            assert "a" not in o.registry
        await o.register(new)
        assert (await ticket.result()).output is None
        assert (await (await o.submit("a")).result()).output == "new"
    assert (len(old.calls), len(new.calls)) == (1, 1)
    assert ends_once(o)


@in_virtual_time
async def test_a_caller_cancelled_while_an_agent_drains_has_unregistered_it() -> None:
    """The agent goes on draining, owned by the run, and the record says when it has gone."""
    async with make([ScriptedAgent("a", takes_s=5)]) as o:
        ticket = await o.submit("a")
        await until_blocked()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await o.unregister("a")
        assert (await ticket.result()).ok
        await until_blocked()
        assert envelopes(o, "registry.agent_unregistered")[0].body["left"] == 0
        await o.register(ScriptedAgent("a"))


@in_virtual_time
async def test_a_run_that_stops_while_an_agent_drains_stops() -> None:
    """The deadline of the run counts; whoever waits for the agent is let go."""
    async with asyncio.TaskGroup() as group:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - raised on leaving
            async with make([ScriptedAgent("a", takes_s=50)], drain_s=10) as o:
                await o.submit("a")
                await until_blocked()
                leaving = group.create_task(o.unregister("a"))
                await asyncio.sleep(5)
                raise ZeroDivisionError
    assert leaving.result() == 0
    assert now() == pytest.approx(5)


@in_virtual_time
async def test_what_is_no_agent_or_not_known_is_refused_and_nothing_changes() -> None:
    """Neither registry nor router keep a trace of an agent that was refused."""

    class Picky(FixedRouter):
        def add(self, profile: AgentProfile) -> None:
            if profile.name == "odd":
                raise RouterError("no odd agents")
            super().add(profile)

    async with make([ScriptedAgent("a")], router=Picky()) as o:
        with pytest.raises(CardError):
            await o.register(object())
        with pytest.raises(DuplicateAgentError):
            await o.register(ScriptedAgent("a"))
        with pytest.raises(UnknownAgentError, match="did you mean 'a'"):
            await o.unregister("aa")
        with pytest.raises(RouterError, match="no odd agents"):
            await o.register(ScriptedAgent("odd"))
        assert [agent.card.name for agent in o.registry] == ["a"]
        result = await (await o.submit("please", agent="odd")).result()
        assert result.error == "no agent 'odd' is registered"


@in_virtual_time
async def test_a_card_policy_goes_before_the_settings_policy() -> None:
    """An agent that says how to run it is run so; the others as the settings say."""
    default = Policy(retry=Retry(max_attempts=2, backoff_s=0))
    own = ScriptedAgent("own", [ValueError("x")], policy=Policy(retry=Retry(max_attempts=4, backoff_s=0)))
    async with make([own, ScriptedAgent("other", [ValueError("x")])], policy=default) as o:
        assert (await (await o.submit("own")).result()).attempts == 4
        assert (await (await o.submit("other")).result()).attempts == 2
