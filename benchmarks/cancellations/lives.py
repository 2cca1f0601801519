"""The life of one run, and the random cancellations in it: of the run, of those who wait for it, of its agents."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from benchmarks.cancellations.cast import KINDS, PATHS, QUICK, agents, apart, hanger, plan
from orchestrator import HttpClient, Orchestrator, Plan, PointsmanError, Policy, Settings, Ticket
from orchestrator.errors import AnswerError
from orchestrator.journal import JournalReader, MemoryJournal
from orchestrator.testing import FixedRouter

End = Literal["cancel", "leave", "finish"]
Want = Callable[[], Awaitable[Any]]
#: Loop turns, and seconds, within which a run of this cast is over if nobody cancels it.
TURNS: Final = 600
SECONDS: Final = 0.08
A_RUN_HANGS_S: Final = 60.0
CALLERS: Final = 4
ROUNDS: Final = 30
TASKS: Final = 12


class LeaveError(Exception):
    """Raised inside the block of a run, to leave it."""


@dataclass(slots=True)
class Ground:
    """What every life stands on.

    Attributes:
        client, url: how handlers ask the server, and where it is.
        rng: draws every moment.
        cancelled: cancellations that reached something, by what they reached.
        wrong: what should not have happened, in words.
    """

    client: HttpClient
    url: str
    rng: random.Random
    cancelled: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Life:
    """How one run is lived.

    Attributes:
        run: its id.
        settings: of it; its journal is in memory where `in_memory`.
        in_memory: see there.
        isolated: whether some of its handlers have processes of their own.
        end: `cancel` cancels the asyncio.Task that runs it, `leave` raises inside its block, `finish` lets it end.
        policy: of its agents in this process; a quick one cuts off what takes long.
    """

    run: str
    settings: Settings
    in_memory: bool
    isolated: bool
    end: End
    policy: Policy = QUICK


async def live(ground: Ground, life: Life) -> None:
    """Live a run to its end, whichever that is, with callers around it; note what is wrong with it."""
    try:
        async with asyncio.timeout(A_RUN_HANGS_S), asyncio.TaskGroup() as crowd:
            task = crowd.create_task(_lived(ground, life, crowd))
            if life.end == "cancel":
                await moment(ground.rng, 10.0 if life.isolated else 1.0)
                ground.cancelled["runs"] += await _cancelled(ground.rng, task)
    except TimeoutError:
        ground.wrong.append(f"{life.run}: hung")


async def finish(ground: Ground, life: Life, *, resumed: bool = False) -> None:
    """Live a run that nobody cancels: every task completes; or go on with one that was: every task ends."""
    async with asyncio.timeout(A_RUN_HANGS_S), asyncio.TaskGroup() as crowd, _made(ground, life, resumed) as o:
        counts = o.statistics().graph
        if not (counts.waiting or counts.ready or counts.ended):  # it was cancelled before the plan was on record
            await o.submit_plan(_plan(ground, life, paths=("/", "/after/5", "/parts")))
        people = crowd.create_task(_answer(o))
        results = await o.results()
        people.cancel()
    bad = [] if resumed else [f"{it.task_id} {it.status} {it.error}" for it in results.values() if not it.ok]
    if bad or len(results) < TASKS:
        ground.wrong.append(f"{life.run}: nobody cancelled it, and it has {len(results)} results, {bad}")


def begun(life: Life) -> bool:
    """Say whether a run has come to write anything."""
    if not life.settings.journal.exists():
        return False
    with JournalReader(life.settings.journal) as reader:
        return any(True for _ in reader.rows(run=life.run))


async def moment(rng: random.Random, share: float = 1.0) -> None:
    """Wait for a random moment within a share of a run: some turns of the loop, or some time."""
    if rng.random() < 0.5:
        for _ in range(rng.randrange(int(TURNS * share))):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(rng.random() * SECONDS * share)


# -- inside ------------------------------------------------------------------------------------------------------------


async def _lived(ground: Ground, life: Life, crowd: asyncio.TaskGroup) -> None:
    try:
        async with _made(ground, life) as o:
            tickets = await o.submit_plan(_plan(ground, life))
            people = crowd.create_task(_answer(o))
            try:
                await _used(ground, life, o, tickets, crowd)
            finally:
                people.cancel()
    except LeaveError:
        return
    except PointsmanError as error:
        ground.wrong.append(f"{life.run}: {error!r}")


async def _used(
    ground: Ground, life: Life, o: Orchestrator, tickets: Mapping[str, Ticket], crowd: asyncio.TaskGroup
) -> None:
    callers = [crowd.create_task(_call(ground, o, tickets, crowd)) for _ in range(CALLERS)]
    if ground.rng.random() < 0.3:
        callers.append(crowd.create_task(_retire(ground, o, crowd)))
    if life.end == "leave":
        await moment(ground.rng, 10.0 if life.isolated else 1.0)
        ground.cancelled["blocks left"] += 1
        raise LeaveError
    await asyncio.wait(callers)
    await o.idle()


async def _call(ground: Ground, o: Orchestrator, tickets: Mapping[str, Ticket], crowd: asyncio.TaskGroup) -> None:
    """Be one who waits for something of a run, and stops waiting, again and again."""
    for _ in range(ROUNDS):
        task = crowd.create_task(_settled(_want(ground.rng, o, tickets)))
        if ground.rng.random() < 0.04:
            return  # this one has patience: it has to hear of the end of the run, whatever that is
        for _ in range(ground.rng.randrange(12)):
            await asyncio.sleep(0)
        ground.cancelled["callers"] += await _cancelled(ground.rng, task)


def _want(rng: random.Random, o: Orchestrator, tickets: Mapping[str, Ticket]) -> Want:
    draw = rng.randrange(5)
    if draw == 0:
        return o.idle
    if draw == 1:
        return o.results
    if draw == 2:
        return functools.partial(_late, o)
    return rng.choice(list(tickets.values())).result


async def _retire(ground: Ground, o: Orchestrator, crowd: asyncio.TaskGroup) -> None:
    """Retire an agent of a run at a random moment; now and then whoever wants it to stops waiting."""
    await moment(ground.rng)
    ground.cancelled["agents"] += 1
    name = ground.rng.choice([agent.card.name for agent in o.registry])
    task = crowd.create_task(_settled(functools.partial(o.unregister, name)))
    if ground.rng.random() < 0.5:
        await moment(ground.rng)
        ground.cancelled["callers"] += await _cancelled(ground.rng, task)


async def _late(o: Orchestrator) -> None:
    """Submit one more task, and wait for it."""
    await (await o.submit("booker")).result()


async def _settled(want: Want) -> None:
    """Wait for what a run may refuse, having stopped."""
    with contextlib.suppress(PointsmanError):
        await want()


async def _cancelled(rng: random.Random, task: asyncio.Task[None]) -> int:
    """Cancel a task, every fourth twice; return 1 if that reached it."""
    task.cancel()
    if rng.random() < 0.25:
        for _ in range(rng.randrange(1, 4)):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    return int(task.cancelled())


async def _answer(o: Orchestrator) -> None:
    """Be a person who says yes to whatever is asked."""
    with contextlib.suppress(PointsmanError):
        while True:
            for task in [name for name in o._graph.unfinished() if name.startswith(("asker", "blunt"))]:  # noqa: SLF001 - looks once, where the journal would be read every time
                with contextlib.suppress(AnswerError):
                    await o.answer(task, "yes")
            await asyncio.sleep(0.002)


def _made(ground: Ground, life: Life, resumed: bool = False) -> Orchestrator:  # noqa: FBT001, FBT002 - one of two ways to make one
    cast = agents(ground.client, ground.url, life.policy) + ([apart, hanger] if life.isolated else [])
    if resumed:
        return Orchestrator.resume(life.run, life.settings, agents=cast, router=FixedRouter())
    journal = MemoryJournal(life.run) if life.in_memory else None
    return Orchestrator(life.settings, agents=cast, router=FixedRouter(), journal=journal, run=life.run)


def _plan(ground: Ground, life: Life, paths: Sequence[str] = PATHS) -> Plan:
    more = ("apart", "hanger") if paths is PATHS else ("apart",)
    return plan(ground.rng, KINDS + (more if life.isolated else ()), paths=paths, tasks=TASKS)
