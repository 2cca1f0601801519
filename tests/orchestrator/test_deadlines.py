import asyncio

import pytest

from orchestrator.deadlines import Deadlines
from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked


def now() -> float:
    return asyncio.get_running_loop().time()


async def limited(deadlines: Deadlines, seconds: float) -> str:
    """Sleep under a deadline; say at what time it ended and how."""
    task = asyncio.current_task()
    assert task is not None
    deadlines.begin(task)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ended = "cut off"
    else:
        ended = "done"
    late = deadlines.end(task)
    assert late == (ended == "cut off")
    assert task.cancelling() == 0
    return f"{ended} at {now():g}"


@in_virtual_time
async def test_each_is_cut_off_when_its_own_time_is_over() -> None:
    """One timer serves all: each ends so many seconds after its own beginning, or earlier by itself."""
    deadlines = Deadlines(10)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(limited(deadlines, 100))
        await asyncio.sleep(1)
        second = group.create_task(limited(deadlines, 3))
        await asyncio.sleep(1)
        third = group.create_task(limited(deadlines, 100))
    assert [first.result(), second.result(), third.result()] == ["cut off at 10", "done at 4", "cut off at 12"]


@in_virtual_time
async def test_the_timer_starts_again_after_a_pause() -> None:
    """A task that begins long after the last one has its whole time."""
    deadlines = Deadlines(10)
    assert await limited(deadlines, 1) == "done at 1"
    await asyncio.sleep(99)
    assert await limited(deadlines, 50) == "cut off at 110"


@in_virtual_time
async def test_closing_stops_the_timer() -> None:
    """Nothing is cut off any more; a second call does nothing."""
    deadlines = Deadlines(10)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(limited(deadlines, 50))
        await until_blocked()
        deadlines.close()
        deadlines.close()
    assert running.result() == "done at 50"


async def _stubborn(*_: object) -> str:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        return "too late"
    return "in time"


@pytest.mark.parametrize("answer", ["returns", "raises"])
@in_virtual_time
async def test_what_a_handler_makes_of_its_cancellation_does_not_count(answer: str) -> None:
    """An attempt that was cut off has timed out, also where the handler then returns or raises something else."""

    async def handle(*_: object) -> str:
        said = await _stubborn()
        if answer == "raises":
            raise ValueError(said)
        return said

    policy = Policy(timeout_s=5, retry=Retry(max_attempts=1))
    agents = [ScriptedAgent("slow", [handle], policy=policy)]
    async with Orchestrator(
        Settings(log_format="off"), agents=agents, router=FixedRouter(), journal=MemoryJournal("r"), run="r"
    ) as o:
        result = await (await o.submit("slow please")).result()
    assert (result.status, result.error) == ("dead_lettered", "no answer within 5 s")
