import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy
from orchestrator.restarts import Restart, Restarts, RestartWindow
from orchestrator.testing import ScriptedAgent, in_virtual_time
from tests.orchestrator import isolated_agents as them
from tests.orchestrator.runs import make


def bodies(o: Orchestrator, *topics: str) -> list[Any]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope.body for row in o._journal.rows if row.envelope.topic in topics]


@given(
    st.integers(0, 5),
    st.floats(0.001, 100, allow_nan=False),
    st.lists(st.floats(0, 50, allow_nan=False), max_size=30),
)
def test_the_window_agrees_with_counting(restarts: int, within_s: float, gaps: list[float]) -> None:
    """One death is too many if more than `restarts` of them lie within `within_s` seconds, itself included."""
    window, deaths = RestartWindow(Restart(restarts=restarts, within_s=within_s)), list[float]()
    now = 0.0
    for gap in gaps:
        now = round(now + gap, 9)
        deaths.append(now)
        recent = [at for at in deaths if round(now - at, 9) <= within_s]
        assert window.exceeded(now) == (len(recent) > restarts)


@in_virtual_time
async def test_deaths_that_are_far_enough_apart_are_followed_by_restarts_for_ever() -> None:
    """The window moves on; one too many within it gives the agent up; after that it begins anew."""
    given_up, restarts = list[tuple[str, str]](), Restarts()
    restarts.on_excess = lambda name, why: given_up.append((name, why))
    limits = Restart(restarts=2, within_s=10)
    for _ in range(20):
        restarts.died("a", limits)
        restarts.died("b", None)
        await asyncio.sleep(5.1)
    assert not given_up
    restarts.died("a", limits)
    assert not given_up
    restarts.died("a", limits)
    assert given_up == [("a", "its processes died more than 2 times within 10 s")]
    restarts.died("a", limits)
    assert len(given_up) == 1


def test_restarts_are_of_processes() -> None:
    """A policy that counts the deaths of what has no process is refused."""
    with pytest.raises(ValidationError, match='set isolation to "process" as well'):
        Policy(restart=Restart())


def test_restarts_go_over_those_of_the_settings_and_with_the_process() -> None:
    """Field by field; and an agent that wants no process of its own has no restarts either."""
    settings = Policy(isolation="process", restart=Restart(restarts=1, within_s=9))
    card = Policy(restart=None).overridden_by(Policy(isolation="process", restart=Restart(restarts=7)))
    assert card.restart == Restart(restarts=7)
    both = settings.overridden_by(Policy(isolation="process", restart=Restart(restarts=7)))
    assert both.restart == Restart(restarts=7, within_s=9)
    assert settings.overridden_by(Policy(isolation="none")).restart is None
    assert settings.overridden_by(Policy(timeout_s=1)).restart == settings.restart


@in_virtual_time
async def test_an_agent_whose_processes_keep_dying_is_given_up() -> None:
    """All that it has is a dead letter with that cause; nothing goes there any more; another agent goes on."""
    async with make([them.dying, ScriptedAgent("b")]) as o:
        tickets = [await o.submit("dying", id=f"t{n}") for n in range(4)]
        other = await o.submit("b please", after=["t0"])
        ends = [await ticket.result() for ticket in tickets]
        assert {end.status for end in ends} == {"dead_lettered"}
        why = "its processes died more than 1 times within 60 s"
        assert {end.error for end in ends} == {f"agent 'dying' was given up: {why}"}
        assert sum(end.attempts for end in ends) == 2
        assert {body.get("cause") for body in bodies(o, "task.dead_lettered")} == {"agent-died"}
        assert bodies(o, "registry.agent_unregistered") == [{"agent": "dying", "left": 4, "why": why}]
        assert (await other.result()).status == "failed"
        assert (await (await o.submit("dying")).result()).status == "abstained"
        assert (await (await o.submit("b please")).result()).ok
        await o.register(them.dying)  # somebody has repaired it, or so they think
        assert "dying" in o.registry


@in_virtual_time
async def test_agents_after_one_whose_process_died_start_afresh() -> None:
    """rest_for_one: those registered after it get new processes, those before it keep theirs."""
    async with make([them.earlier, them.breaking, them.later]) as o:

        async def pids() -> list[int]:
            return [(await (await o.submit(name)).result()).output for name in ("earlier", "later")]

        before = await pids()
        assert await pids() == before
        assert not (await (await o.submit("breaking")).result()).ok
        after = await pids()
        assert after[0] == before[0]
        assert after[1] != before[1]
        assert await pids() == after
