import asyncio
import math
from types import MappingProxyType
from typing import Any

import pytest

from orchestrator.desk import Ticket
from orchestrator.errors import (
    CapacityError,
    CycleError,
    DuplicateTaskError,
    NotJsonError,
    PointsmanError,
    StoppedError,
    UnknownTaskError,
)
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.testing import ScriptedAgent, in_virtual_time, until_blocked
from tests.orchestrator.runs import make, now


def topics(o: Orchestrator, task_id: str) -> list[str]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope.topic for row in o._journal.rows if row.envelope.correlation_id == task_id]


class SlowJournal(MemoryJournal):
    """Asks for patience at every row, and is patient only with those who wait a second."""

    def append(self, envelope: Envelope) -> bool:
        super().append(envelope)
        return False

    async def sync(self) -> None:
        await asyncio.sleep(1)


# --- the door ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_submitter_waits_while_the_run_is_full_and_is_let_in_when_a_task_ends() -> None:
    """Also the last one: nobody is forgotten at the door when nothing else happens any more."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=1) as o:
        entered = []
        for _ in range(4):
            await o.submit("a")
            entered.append(round(now(), 6))
        await o.idle()
    assert entered == [0, 1, 2, 3]
    assert round(now(), 6) == 4


@in_virtual_time
async def test_the_door_lets_in_first_whoever_came_first() -> None:
    """A newcomer never overtakes those who wait, nor does a small one a big one."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=2) as o:
        entered: list[str] = []

        async def submit(*names: str) -> None:
            await o.submit_plan(Plan("p", tuple(Task(name, "a") for name in names)))
            entered.extend(names)

        async with asyncio.TaskGroup() as group:
            for names in (("1", "2"), ("3",), ("4", "5"), ("6",)):
                group.create_task(submit(*names))
                await until_blocked()
            await asyncio.sleep(1)  # now there is room, and in this very moment a newcomer asks
            group.create_task(submit("7"))
    assert entered == ["1", "2", "3", "4", "5", "6", "7"]


@in_virtual_time
async def test_the_capacity_is_never_exceeded_by_submitters() -> None:
    """Whoever is let in at once counts before the next one is."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=3) as o:
        most = 0
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(o.submit("a"))
            await until_blocked()
            while o._graph.open or o._desk._door:
                most = max(most, o._graph.open)
                await asyncio.sleep(0.25)
    assert most == 3
    assert o._graph.statistics().ended == {"completed": 20}


@in_virtual_time
async def test_a_plan_larger_than_the_run_may_ever_hold_is_refused() -> None:
    """It could only wait for itself: queues behind the door would fill, and bus and agents wait for each other."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=10) as o:
        unfit = (Task(str(n), "a", {"no": object()}) for n in range(11))  # and not even looked at
        with pytest.raises(CapacityError, match="11 tasks at once: a run holds 10 unfinished tasks at most"):
            await o.submit_plan(Plan("p", tuple(unfit)))
        assert len(o._graph) == 0
        results = await o.run(Plan("p", tuple(Task(str(n), "a") for n in range(10))))
    assert len(results) == 10


@in_virtual_time
async def test_a_submitter_cancelled_at_the_door_has_submitted_nothing() -> None:
    """Whoever stands behind it moves up, also when it was cancelled in the moment of being let in."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=1) as o:
        await o.submit("a", id="first")
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(o.submit("a", id=name)) for name in ("second", "third", "fourth")]
            await until_blocked()
            waiting[0].cancel()
            o._graph.on_end = None
            await asyncio.sleep(2)
            o._desk._look()  # lets "third" in, which is cancelled before it wakes up
            waiting[1].cancel()
            o._graph.on_end = o._desk._look
        await o.idle()
        assert [name for name in ("first", "second", "third", "fourth") if name in o._graph] == ["first", "fourth"]
        assert o._desk._let_in == 0


@in_virtual_time
async def test_a_refused_submission_gives_its_turn_to_the_next() -> None:
    """A duplicate id at the door leaves no hole in the line."""
    async with make([ScriptedAgent("a", takes_s=1)], capacity=1) as o:
        await o.submit("a", id="x")
        async with asyncio.TaskGroup() as group:

            async def duplicate() -> None:
                with pytest.raises(DuplicateTaskError):
                    await o.submit("a", id="x")

            group.create_task(duplicate())
            await until_blocked()
            ticket = await o.submit("a", id="y")
            assert (await ticket.result()).ok


@in_virtual_time
async def test_those_at_the_door_are_told_when_the_run_stops() -> None:
    """Waiting at a door that never opens again would be a wait without a deadline."""
    refused: list[str] = []
    async with asyncio.TaskGroup() as group, make([ScriptedAgent("a", takes_s=1)], capacity=1) as o:
        await o.submit("a")

        async def late() -> None:
            with pytest.raises(PointsmanError, match="takes no more tasks") as caught:
                await o.submit("a")
            refused.append(str(caught.value))

        group.create_task(late())
        group.create_task(late())
        await until_blocked()
    assert len(refused) == 2
    with pytest.raises(PointsmanError, match="not running"):
        await o.submit("a")


@in_virtual_time
async def test_one_let_in_in_the_moment_of_stopping_is_told_too() -> None:
    """Between being let in and waking up the run may stop."""
    async with make([ScriptedAgent("a")], capacity=1) as o:
        ticket = await o.submit("a")
        async with asyncio.TaskGroup() as group:

            async def late() -> None:
                with pytest.raises(PointsmanError, match="takes no more tasks"):
                    await o._desk.submit([Task("late", "a")])

            o._graph.on_end = None
            group.create_task(late())
            await ticket.result()
            o._desk._look()
            o._desk.close()
        with pytest.raises(PointsmanError):
            await o._desk.submit([Task("later", "a")])


# --- all or nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [{"x": object()}, {"x": 2**64}, {"x": "\ud800"}, {"x": math.nan}, {"x": {1: 2}}])
@in_virtual_time
async def test_what_cannot_be_recorded_is_not_submitted(payload: dict[str, Any]) -> None:
    """The submitter hears of it, nothing is left of the plan, and the run goes on."""
    async with make([ScriptedAgent("a")]) as o:
        with pytest.raises(NotJsonError, match="task 'bad' is not JSON"):
            await o.submit_plan(Plan("p", (Task("good", "a"), Task("bad", "a", payload))))
        await o.idle()
        assert (len(o._graph), topics(o, "good")) == (0, [])
        assert (await (await o.submit("a", payload=MappingProxyType({"x": [1]}))).result()).ok


@in_virtual_time
async def test_a_submitter_cancelled_half_way_has_submitted_everything() -> None:
    """While the journal makes everybody wait, a cancelled submitter leaves no half of a plan behind."""
    async with make([ScriptedAgent("a")], SlowJournal("r")) as o:
        async with asyncio.TaskGroup() as group:
            submitting = group.create_task(o.submit_plan(Plan("p", tuple(Task(n, "a") for n in "xyz"))))
            await asyncio.sleep(0.5)
            submitting.cancel()
        await o.idle()
        assert o._graph.statistics().ended == {"completed": 3}


@in_virtual_time
async def test_tasks_that_do_not_fit_together_are_refused() -> None:
    """Unknown and duplicate ids, cycles: with the error of the graph, through the facade."""
    async with make([ScriptedAgent("a")]) as o:
        await o.submit("a", id="load")
        with pytest.raises(UnknownTaskError, match="did you mean 'load'"):
            await o.submit("a", after="lod")
        with pytest.raises(DuplicateTaskError):
            await o.submit("a", id="load")
        with pytest.raises(CycleError):
            await o.submit("a", id="x", after=["x"])


# --- results ----------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_result_is_handed_out_once_it_is_safe() -> None:
    """A ticket resolves after the journal's sync, not with the ending itself."""

    class Gate(MemoryJournal):
        gate = asyncio.Event()

        async def sync(self) -> None:
            if any(row.envelope.topic == "task.completed" for row in self.rows):
                await self.gate.wait()

    journal = Gate("r")
    async with make([ScriptedAgent("a", [7])], journal) as o:
        ticket = await o.submit("a")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(ticket.result())
            await asyncio.sleep(1)
            assert topics(o, ticket.id)[-1] == "task.completed"
            assert not waiting.done()
            journal.gate.set()
        assert waiting.result().output == 7
        assert await ticket.result(0) == waiting.result()


@in_virtual_time
async def test_giving_up_on_a_result_does_not_give_up_the_task() -> None:
    """A deadline or a cancelled waiter is the waiter's own affair."""
    async with make([ScriptedAgent("a", [7], takes_s=5)]) as o:
        ticket = await o.submit("a")
        with pytest.raises(TimeoutError):
            await ticket.result(1)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(ticket.result())
            await until_blocked()
            waiting.cancel()
        assert (await ticket.result()).output == 7


@in_virtual_time
async def test_whoever_waits_for_a_result_that_will_not_come_is_told() -> None:
    """Leaving by an exception stops at once: a waiter gets StoppedError that names its task."""
    tickets: list[Ticket] = []
    stopped: list[str] = []

    async def wait(ticket: Ticket) -> None:
        with pytest.raises(StoppedError, match="its journal says how far it came") as caught:
            await ticket.result()
        stopped.append(caught.value.task)

    async with asyncio.TaskGroup() as group:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - raised on leaving
            async with make([ScriptedAgent("a", takes_s=5)]) as o:
                tickets.append(await o.submit("a", id="slow"))
                group.create_task(wait(tickets[0]))
                await until_blocked()
                raise ZeroDivisionError
    assert stopped == ["slow"]


@in_virtual_time
async def test_whoever_waits_for_all_tasks_of_a_run_that_stops_is_told() -> None:
    """Else they would wait for ever; whoever begins to wait later is refused."""
    told: list[str] = []

    async def wait(o: Orchestrator) -> None:
        try:
            await o.results()
        except StoppedError as error:
            told.append(error.task)

    async with asyncio.TaskGroup() as group:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - raised on leaving
            async with make([ScriptedAgent("a", takes_s=5)]) as o:
                await o.submit("a", id="slow")
                group.create_task(wait(o))
                await until_blocked()
                raise ZeroDivisionError
    assert told == ["slow"]
    with pytest.raises(PointsmanError, match="not running"):
        await o.idle()


@in_virtual_time
async def test_idle_waits_for_all_tasks_those_that_agents_added_included() -> None:
    """And returns at once when there is nothing, whoever else is still looking."""

    def adds(task: Task, context: Any) -> None:
        context.add_task("b", id="child")

    async with make([ScriptedAgent("a", [adds]), ScriptedAgent("b", takes_s=3)]) as o:
        await o.idle()
        await o.submit("a")
        async with asyncio.TaskGroup() as group:
            group.create_task(o.idle())
            group.create_task(o.idle())
        assert now() == 3
        assert topics(o, "child")[-1] == "task.completed"


@in_virtual_time
async def test_numbers_given_to_tasks_skip_ids_in_use() -> None:
    """A submitter who calls a task "1" gets no trouble from those who do not name theirs."""
    async with make([ScriptedAgent("a")]) as o:
        await o.submit("a", id="1")
        assert [(await o.submit("a")).id, (await o.submit(Task("own", "a"))).id] == ["2", "own"]
