import asyncio

import pytest

from orchestrator.context import TaskContext
from orchestrator.messages import Task
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked
from router import Abstained, AgentProfile, LearnsAgents, Router, RouterError

TASK = Task("t", "do")


@in_virtual_time
async def test_a_scripted_agent_plays_its_outcomes_in_order() -> None:
    """Values are returned, errors raised, functions called; the last outcome stays; calls are listed."""

    async def later(task: Task, context: TaskContext) -> str:
        return f"{task.id} later"

    scripted = ScriptedAgent("a", ["one", ValueError("two"), lambda task, context: task.request, later])
    context = TaskContext(TASK)
    assert await scripted.handle(TASK, context) == "one"
    with pytest.raises(ValueError, match="two"):
        await scripted.handle(TASK, context)
    assert [await scripted.handle(TASK, context) for _ in range(3)] == ["do", "t later", "t later"]
    assert scripted.calls == [TASK] * 5


@in_virtual_time
async def test_a_scripted_agent_takes_its_time() -> None:
    """In virtual time, before its outcome."""
    await ScriptedAgent("a", takes_s=3).handle(TASK, TaskContext(TASK))
    assert asyncio.get_running_loop().time() == 3


def test_a_fixed_router_goes_by_names_and_words() -> None:
    """It is a router that learns agents; what it does not know it abstains on."""
    router = FixedRouter({"mail": "postman", "gone": "nobody"})
    assert isinstance(router, Router)
    assert isinstance(router, LearnsAgents)
    for name in ("postman", "clerk"):
        router.add(AgentProfile(name, "1", name, (name,)))
    assert router.predict("ask the clerk").choice == "clerk"
    assert router.predict("mail this").choice == "postman"
    assert router.predict("gone").choice is Abstained.BELOW_THRESHOLD
    assert router.predict("clerk", {"clerk": "tired"}).choice is Abstained.ALL_VETOED
    assert router.explain("ask the clerk", "clerk")[0].weight == 1.0
    router.remove("clerk")
    assert router.predict("ask the clerk").choice is Abstained.BELOW_THRESHOLD
    with pytest.raises(RouterError, match="'clerk' is not registered"):
        router.remove("clerk")


@in_virtual_time
async def test_until_blocked_lets_everything_run_that_can() -> None:
    """However many turns the others need; timers in the future stay where they are."""
    turns: list[int] = []

    async def busy() -> None:
        for n in range(50):
            await asyncio.sleep(0)
            turns.append(n)
        await asyncio.sleep(1)
        turns.append(99)

    async with asyncio.TaskGroup() as group:
        group.create_task(busy())
        await until_blocked()
        assert turns == list(range(50))


def test_a_test_that_hangs_in_virtual_time_ends_at_once() -> None:
    """Nobody waits for a wall clock to find a hang."""

    @in_virtual_time
    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        hangs()
