import asyncio
from collections import Counter
from typing import Any

from orchestrator.context import TaskContext
from orchestrator.inbox import Reply, open_questions, record_reply
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.testing import ScriptedAgent, in_virtual_time, until_blocked
from tests.orchestrator.runs import make, now
from tests.orchestrator.test_resumption import reopened, resume

POLICY = Policy(concurrency=2, retry=Retry(max_attempts=1))
#: What leaving may take where it does not wait for unfinished tasks.
GRACE_S = 1000.0


class Asker:
    """Asks at once, or after a while."""

    def __init__(self) -> None:
        self.card = ScriptedAgent("asker", policy=POLICY).card

    async def handle(self, task: Task, context: TaskContext) -> Any:
        await asyncio.sleep(task.payload.get("after_s", 0))
        return await context.ask(f"may {task.id}?")


async def leave_in_haste(journal: MemoryJournal, *, answer_after_s: float | None = None) -> float:
    """Leave a run in haste in which one task waits for a person, one will ask in 5 s, and a third worker is wanted.

    Returns:
        How long leaving took.
    """
    steady = ScriptedAgent("steady", ["ok"], takes_s=5, policy=POLICY)
    async with asyncio.TaskGroup() as others:
        async with make([Asker(), steady], journal, drain_s=GRACE_S) as o:
            await o.submit("asker", id="parked")
            await o.submit("asker", id="about-to-ask", payload={"after_s": 5})
            for number in range(3):
                await o.submit("steady", id=f"s{number}")
            await until_blocked()
            o.hasten()
            if answer_after_s is not None:
                others.create_task(_answer_later(o, answer_after_s))
            begun = now()
        return now() - begun


async def _answer_later(o: Orchestrator, seconds: float) -> None:
    """Answer what `parked` asks, as another process does."""
    await asyncio.sleep(seconds)
    await record_reply(o.bus, o._journal, "r", "parked", Reply("yes"))
    o._parts.listener.look()


def stopped(journal: MemoryJournal) -> dict[str, Any]:
    return dict(journal.rows[-1].envelope.body)


async def go_on(journal: MemoryJournal, answers: tuple[str, ...]) -> dict[str, tuple[Any, int]]:
    """Resume what was left, answer, and return output and attempts of each task."""
    again = reopened(journal.rows)
    async with resume([Asker(), ScriptedAgent("steady", ["ok"], policy=POLICY)], again) as o:
        await until_blocked()
        for task in answers:
            await o.answer(task, "yes")
        results = await o.results()
    asked = Counter(row.envelope.correlation_id for row in again.select(topics=("task.asked",)))
    assert set(asked.values()) == {1}, "nobody is asked twice"
    return {name: (result.output, result.attempts) for name, result in results.items()}


@in_virtual_time
async def test_one_who_leaves_in_haste_does_not_wait_for_people() -> None:
    """Only for attempts that have begun; a task that waits for a person is left as it is, no attempt burnt."""
    journal = MemoryJournal("r")
    assert 4.9 < await leave_in_haste(journal) <= 5
    assert stopped(journal) == {"unfinished": ["parked", "about-to-ask", "s2"]}
    assert [posed.task for posed in open_questions(journal.select)] == ["parked", "about-to-ask"]
    done = await go_on(journal, ("parked", "about-to-ask"))
    assert done == {"parked": ("yes", 1), "about-to-ask": ("yes", 1)} | {f"s{n}": ("ok", 1) for n in range(3)}


@in_virtual_time
async def test_an_answer_that_comes_in_the_haste_begins_nothing_and_is_kept() -> None:
    """The task goes on with it once the run is resumed, without being asked again."""
    journal = MemoryJournal("r")
    assert 4.9 < await leave_in_haste(journal, answer_after_s=2) <= 5
    begun = [row.envelope.correlation_id for row in journal.select(topics=("task.started",))]
    assert begun.count("parked") == 1
    done = await go_on(journal, ("about-to-ask",))
    assert done["parked"] == ("yes", 1)
