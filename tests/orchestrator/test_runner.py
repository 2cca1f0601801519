import asyncio
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from orchestrator.agent import AgentCard, agent
from orchestrator.clock import VirtualClock
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError
from orchestrator.journal import MemoryJournal
from orchestrator.logs import make_logger
from orchestrator.messages import Envelope, Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked
from tests.orchestrator.runs import make, now

ONCE = Policy(retry=Retry(max_attempts=1))


def envelopes(o: Orchestrator, topic: str) -> list[Envelope]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope for row in o._journal.rows if row.envelope.topic == topic]


async def outcome(*outcomes: Any, policy: Policy = ONCE, takes_s: float = 0.0) -> Result:
    """Run one task of an agent that plays these outcomes."""
    async with make([ScriptedAgent("a", outcomes, policy=policy, takes_s=takes_s)]) as o:
        return await (await o.submit("a")).result()


# --- what an agent gives back -----------------------------------------------------------------------------------------


class Model(BaseModel):
    """An output of pydantic's."""

    path: Path
    tags: set[int]


@dataclass
class Data:
    """An output of the standard library's."""

    n: int


@pytest.mark.parametrize(
    ("returned", "output"),
    [
        (None, None),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        (Model(path=Path("x"), tags={1}), {"path": "x", "tags": [1]}),
        (Data(3), {"n": 3}),
        ([math.nan, math.inf, -math.inf], [None, None, None]),
        ({1: "int keys"}, {"1": "int keys"}),
    ],
    ids=["none", "tuple", "model", "dataclass", "nan", "keys"],
)
@in_virtual_time
async def test_outputs_become_plain_json(returned: Any, output: Any) -> None:
    """Models and dataclasses are written as JSON; what JSON does not have is null, in the result as in the journal."""
    result = await outcome(returned)
    assert (result.status, result.output) == ("completed", output)


CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize("returned", [object, 2**64, "\ud800", {"x": b"\xff"}], ids=["type", "big", "half", "bytes"])
@in_virtual_time
async def test_an_output_that_is_no_json_fails_the_task_at_once_and_nothing_else(returned: Any) -> None:
    """Trying again would not help; the run goes on."""
    async with make([ScriptedAgent("a", [lambda *_: returned, 1])]) as o:
        first = await (await o.submit("a")).result()
        second = await (await o.submit("a")).result()
    assert (first.status, first.attempts) == ("failed", 1)
    assert first.error.startswith("what the agent gave back was refused: ")
    assert second.output == 1


@in_virtual_time
async def test_an_output_that_contains_itself_is_a_failure() -> None:
    """No recursion without end, and no crash."""
    result = await outcome(CIRCULAR)
    assert result.status == "failed"
    assert "Circular reference" in result.error


# --- what an agent raises ---------------------------------------------------------------------------------------------


class MuteError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (SystemExit(3), "SystemExit: 3"),
        (TimeoutError("of its own"), "TimeoutError: of its own"),
        (asyncio.CancelledError(), "the handler was cancelled from inside"),
        (KeyError("k"), "KeyError: 'k'"),
        (ExceptionGroup("several", [ValueError("x")]), "ExceptionGroup: several (1 sub-exception)"),
        (ValueError(), "ValueError: ValueError"),
        (ValueError("\udc80"), "ValueError: \\udc80"),
        (MuteError(), "MuteError: MuteError"),
        (ValueError("x" * 10_000), "ValueError: " + "x" * 500),
    ],
    ids=lambda value: type(value).__name__,
)
@in_virtual_time
async def test_whatever_a_handler_raises_is_one_line_of_a_dead_letter(error: BaseException, text: str) -> None:
    """Nothing is swallowed, nothing stops the run: after the last attempt the task is a dead letter with its cause."""
    result = await outcome(error)
    assert (result.status, result.error, result.attempts) == ("dead_lettered", text, 1)


@in_virtual_time
async def test_an_agent_error_fails_the_task_at_once() -> None:
    """The agent says that trying again cannot help; that is no failure of the agent."""
    policy = Policy(breaker=Breaker(failures=1), retry=Retry(max_attempts=5))
    async with make([ScriptedAgent("a", [AgentError("no such file"), 1], policy=policy)]) as o:
        first = await (await o.submit("a")).result()
        second = await (await o.submit("a")).result()
    assert (first.status, first.error, first.attempts) == ("failed", "no such file", 1)
    assert second.ok


@in_virtual_time
async def test_an_attempt_ends_at_its_deadline() -> None:
    """The handler is cancelled, and the error says after how long."""
    cancelled: list[float] = []

    async def hangs(task: Task, context: TaskContext) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.append(now())

    result = await outcome(hangs, policy=Policy(timeout_s=2.5, retry=Retry(max_attempts=2, backoff_s=0)))
    assert (result.status, result.error, result.attempts) == ("dead_lettered", "no answer within 2.5 s", 2)
    assert cancelled == [2.5, 5.0]


# --- again ------------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_failed_attempt_is_repeated_after_a_growing_wait() -> None:
    """Each retry says which attempt failed of what and how long it waits; the last attempt may succeed."""
    policy = Policy(retry=Retry(max_attempts=3, backoff_s=1, factor=3, jitter=0))
    async with make([ScriptedAgent("a", [ValueError("one"), ValueError("two"), "ok"], policy=policy)]) as o:
        result = await (await o.submit("a")).result()
    assert (result.output, result.attempts, now()) == ("ok", 3, 4.0)
    retried = [envelope.body for envelope in envelopes(o, "task.retried")]
    assert retried == [
        {"agent": "a", "attempt": 1, "error": "ValueError: one", "cause": "raised", "delay_s": 1.0},
        {"agent": "a", "attempt": 2, "error": "ValueError: two", "cause": "raised", "delay_s": 3.0},
    ]
    assert [envelope.body["attempt"] for envelope in envelopes(o, "task.started")] == [1, 2, 3]


@in_virtual_time
async def test_jitter_depends_on_the_seed_and_the_task_alone() -> None:
    """Two runs of one seed wait equally long, two tasks do not wait in step, and another seed waits otherwise."""

    async def waits(seed: int) -> list[float]:
        policy = Policy(retry=Retry(max_attempts=3, jitter=1))
        async with make([ScriptedAgent("a", [ValueError("x")], policy=policy)], seed=seed) as o:
            for name in ("x", "y"):
                await (await o.submit("a", id=name)).result()
        return [envelope.body["delay_s"] for envelope in envelopes(o, "task.retried")]

    first = await waits(1)
    assert first == await waits(1)
    assert len(set(first)) == 4
    assert first != await waits(2)


@in_virtual_time
async def test_a_task_that_waits_for_its_next_attempt_holds_no_worker() -> None:
    """With a single worker, another task runs during the wait."""
    policy = Policy(concurrency=1, retry=Retry(backoff_s=10, jitter=0))
    async with make([ScriptedAgent("a", [ValueError("x"), "other", "again"], policy=policy)]) as o:
        failing, other = await o.submit("a"), await o.submit("a")
        assert (await other.result()).output == "other"
        assert now() == 0
        assert (await failing.result()).output == "again"


# --- the breaker ------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_an_open_breaker_vetoes_the_router_and_closes_after_a_good_probe() -> None:
    """Failures open it: the record names the veto; after the cooldown one attempt probes, then tasks pass again."""
    policy = Policy(breaker=Breaker(failures=2, cooldown_s=30), retry=Retry(max_attempts=1))
    async with make([ScriptedAgent("a", [ValueError("1"), ValueError("2"), "ok"], policy=policy)]) as o:
        for _ in range(2):
            assert (await (await o.submit("a")).result()).status == "dead_lettered"
        vetoed = await (await o.submit("a")).result()
        assert (vetoed.status, vetoed.error) == ("abstained", "the router abstained: all-vetoed")
        decision = envelopes(o, "task.abstained")[0].body["decision"]
        assert decision["vetoes"] == {"a": "breaker open after 2 failures in a row"}
        await asyncio.sleep(30)
        assert (await (await o.submit("a")).result()).ok
        assert (await (await o.submit("a")).result()).ok


@in_virtual_time
async def test_tasks_already_given_to_an_agent_wait_while_its_breaker_is_open() -> None:
    """They are not burnt: one probes after the cooldown, the others follow."""
    policy = Policy(concurrency=3, breaker=Breaker(failures=1, cooldown_s=10), retry=Retry(backoff_s=0))
    async with make([ScriptedAgent("a", [ValueError("x"), "ok"], takes_s=1, policy=policy)]) as o:
        tickets = [await o.submit("a", agent="a") for _ in range(5)]
        assert all([(await ticket.result()).ok for ticket in tickets])
        assert round(now()) == 2


# --- how many, and who first ------------------------------------------------------------------------------------------


@in_virtual_time
async def test_an_agent_never_runs_more_attempts_at_a_time_than_its_policy_says() -> None:
    """And exactly so many, while there is enough to do."""
    running, most = 0, 0

    async def work(task: Task, context: TaskContext) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1
        if int(task.id) % 3 == 0 and context.attempt == 1:
            raise ValueError("again")

    policy = Policy(concurrency=3, retry=Retry(backoff_s=0.5))
    async with make([ScriptedAgent("a", [work], policy=policy)]) as o:
        for _ in range(20):
            await o.submit("a")
        await o.idle()
        assert o._graph.statistics().ended == {"completed": 20}
    assert most == 3


@in_virtual_time
async def test_the_most_urgent_task_of_an_agent_comes_first() -> None:
    """Urgent is who has most before it: the start of a long chain overtakes tasks that came earlier."""
    scripted = ScriptedAgent("a", takes_s=1, policy=Policy(concurrency=1))
    async with make([scripted]) as o:
        after_long = [Task(f"t{n}", "a", after=("long",)) for n in "12"]
        last = Task("t3", "a", after=("t1",), estimate_s=50)
        await o.run(Plan("p", (Task("first", "a"), Task("short", "a"), Task("long", "a"), *after_long, last)))
    assert [task.id for task in scripted.calls] == ["long", "t1", "t3", "first", "short", "t2"]


# --- what the handler sees --------------------------------------------------------------------------------------------


@in_virtual_time
async def test_references_in_a_payload_are_replaced_by_outputs() -> None:
    """The handler sees values; a pointer that leads nowhere fails the task with its name."""
    scripted = ScriptedAgent("a", [{"rows": [7, 8]}, "ok"])
    async with make([scripted]) as o:
        await o.submit("a", id="load")
        good = await o.submit("a", after=["load"], payload={"n": {"$result": "load#/rows/1"}})
        bad = await o.submit("a", after=["load"], payload={"n": {"$result": "load#/columns"}})
        assert (await good.result()).ok
        result = await bad.result()
    assert scripted.calls[1].payload == {"n": 8}
    assert (result.status, result.attempts) == ("failed", 1)
    assert "no 'columns' at the top" in result.error


@in_virtual_time
async def test_the_context_tells_attempt_results_workspace_and_clock(tmp_path: Path) -> None:
    """What a handler may see beside its input, and nothing global."""
    seen: list[TaskContext] = []

    def look(task: Task, context: TaskContext) -> str:
        seen.append(context)
        if context.attempt == 1:
            raise ValueError("again")
        return str(context.results["load"].output)

    async with make([ScriptedAgent("a", [42, look])], workspace=tmp_path) as o:
        await o.submit("a", id="load")
        assert (await (await o.submit("a", after="load")).result()).output == "42"
        assert [context.attempt for context in seen] == [1, 2]
        assert seen[0].workspace == tmp_path
        assert seen[0].clock is o.clock


@in_virtual_time
async def test_a_payload_that_does_not_fit_fails_the_task_at_once() -> None:
    """The error of the validation is the task's, in one line."""

    @agent("a", summary="a", examples=["a"])
    async def wants_number(payload: dict[str, int]) -> None: ...

    async with make([wants_number]) as o:
        result = await (await o.submit("a", payload={"n": "x"})).result()
    assert (result.status, result.attempts) == ("failed", 1)
    assert result.error.startswith("payload refused: n: ")


# --- tasks that agents add --------------------------------------------------------------------------------------------


@in_virtual_time
async def test_what_waits_for_a_task_also_waits_for_those_its_agent_added() -> None:
    """Children run after their parent and before its heirs, which see their results; parent and cause are on record."""

    def adds(task: Task, context: TaskContext) -> str:
        first = context.add_task("b")
        context.add_task("b", after=[first.id], payload={"n": {"$result": f"{first.id}#/n"}})
        return "parent"

    def heir(task: Task, context: TaskContext) -> list[str]:
        return sorted(context.results)

    b = ScriptedAgent("b", [{"n": 1}, "second"], takes_s=2)
    async with make([ScriptedAgent("a", [adds, heir]), b]) as o:
        await o.submit("a", id="p")
        result = await (await o.submit("a", after="p")).result()
    assert result.output == ["p", "p/1", "p/2"]
    assert b.calls[1].payload == {"n": 1}
    started = envelopes(o, "task.started")[0]
    children = [e for e in envelopes(o, "task.submitted") if e.body["task"].get("parent") == "p"]
    assert [child.causation_id for child in children] == [started.id, started.id]


@pytest.mark.parametrize("end", [ValueError("no"), AgentError("no")])
@in_virtual_time
async def test_an_attempt_that_fails_adds_nothing(end: Exception) -> None:
    """Only the attempt that completes adds its tasks, once."""

    def adds(task: Task, context: TaskContext) -> None:
        context.add_task("a", id=f"child-{context.attempt}")
        if context.attempt == 1:
            raise end

    async with make([ScriptedAgent("a", [adds, adds, None])]) as o:
        await (await o.submit("a", id="p")).result()
        await o.idle()
        assert "child-1" not in o._graph
        assert ("child-2" in o._graph) == isinstance(end, ValueError)


@pytest.mark.parametrize(
    ("child", "problem"),
    [
        ({"id": "p"}, "task id 'p' is already in this run"),
        ({"after": ["nobody"]}, "'nobody', which does not exist"),
        ({"after": ["heir"]}, "wait for each other"),
        ({"payload": {"x": math.nan}}, "is not JSON"),
        ({"payload": {"x": object()}}, "is not JSON"),
    ],
)
@in_virtual_time
async def test_a_task_that_cannot_be_added_fails_its_parent(child: dict[str, Any], problem: str) -> None:
    """All or none of an attempt's tasks are added; the parent fails at once and says why."""

    def adds(task: Task, context: TaskContext) -> None:
        context.add_task("a", id="fine")
        context.add_task("a", **child)

    async with make([ScriptedAgent("a", [adds])]) as o:
        tickets = await o.submit_plan(Plan("p", (Task("p", "a"), Task("heir", "a", after=("p",)))))
        result = await tickets["p"].result()
        assert (result.status, result.attempts) == ("failed", 1)
        assert problem in result.error
        assert (await tickets["heir"].result()).status == "failed"
        assert "fine" not in o._graph


@in_virtual_time
async def test_an_output_that_is_no_json_adds_nothing() -> None:
    """A parent that fails for its output has added no tasks."""

    def adds(task: Task, context: TaskContext) -> int:
        context.add_task("a", id="child")
        return 2**64

    async with make([ScriptedAgent("a", [adds])]) as o:
        assert (await (await o.submit("a")).result()).status == "failed"
        assert "child" not in o._graph


@in_virtual_time
async def test_agents_cannot_add_more_than_the_run_may_hold() -> None:
    """A task that adds tasks without end fails with the bound."""

    def adds(task: Task, context: TaskContext) -> None:
        for _ in range(100):
            context.add_task("a")

    async with make([ScriptedAgent("a", [adds])], capacity=10) as o:
        result = await (await o.submit("a")).result()
    assert result.status == "failed"
    assert "20 unfinished tasks at most" in result.error


@in_virtual_time
async def test_a_child_that_waits_for_a_failed_task_ends_and_lets_its_heirs_end() -> None:
    """A dependency that broke long ago dooms a child like any other task, on record."""

    def adds(task: Task, context: TaskContext) -> None:
        context.add_task("a", id="child", after=["broken"])

    async with make([ScriptedAgent("a", [AgentError("no"), adds])]) as o:
        await (await o.submit("a", id="broken")).result()
        await o.submit("a", id="p")
        heir = await (await o.submit("a", after="p")).result()
        assert heir.status == "failed"
        await o.idle()
    assert [e.correlation_id for e in envelopes(o, "task.failed")] == ["broken", "child", heir.task_id]


@in_virtual_time
async def test_a_stop_finds_the_end_of_a_task_on_record_with_all_that_it_added_or_neither() -> None:
    """A journal that asks its writer to wait comes between none of these rows: no answer is lost, no attempt burnt."""

    class Behind(MemoryJournal):
        def append(self, envelope: Envelope) -> bool:
            return super().append(envelope) and envelope.correlation_id != "child"

        async def sync(self) -> None:
            if self.rows[-1].envelope.correlation_id == "child":
                await asyncio.sleep(5)

    def adds(task: Task, context: TaskContext) -> str:
        context.add_task("a", id="child")
        return "done"

    journal, again = Behind("r"), MemoryJournal("r")
    async with make([ScriptedAgent("a", [adds], policy=ONCE)], journal, drain_s=0) as o:
        await o.submit("a", id="p")
        await until_blocked()
    assert [row.envelope.topic for row in journal.select(task="p")][-2:] == ["task.started", "task.completed"]
    again.rows = journal.rows
    scripted: dict[str, Any] = {"agents": [ScriptedAgent("a", policy=ONCE)], "router": FixedRouter()}
    async with Orchestrator.resume("r", o.settings, journal=again, clock=o.clock, **scripted) as resumed:
        results = await resumed.results()
    assert {name: result.status for name, result in results.items()} == {"p": "completed", "child": "completed"}, (
        results
    )


# --- before the attempt -----------------------------------------------------------------------------------------------


@in_virtual_time
async def test_an_attempt_is_on_the_disk_before_the_handler_begins() -> None:
    """A task that kills the process cannot be attempted for ever: its count survives."""

    class Gate(MemoryJournal):
        gate = asyncio.Event()

        async def sync(self) -> None:
            if self.rows[-1].envelope.topic == "task.started":
                await self.gate.wait()

    journal = Gate("r")
    scripted = ScriptedAgent("a")
    async with make([scripted], journal) as o:
        async with asyncio.TaskGroup() as group:
            submitting = group.create_task(o.submit("a"))
            await asyncio.sleep(5)
            assert journal.rows[-1].envelope.topic == "task.started"
            assert scripted.calls == []
            journal.gate.set()
        await submitting.result().result()
        assert len(scripted.calls) == 1


@in_virtual_time
async def test_measured_durations_stand_beside_the_row() -> None:
    """How long the handler took is in `measured`, never in the canonical bytes."""
    async with make([ScriptedAgent("a")]) as o:
        await (await o.submit("a")).result()
    completed = envelopes(o, "task.completed")[0]
    assert completed.measured is not None
    assert completed.measured["handle_s"] >= 0
    assert isinstance(o._journal, MemoryJournal)
    assert b"handle_s" not in o._journal.export()


@in_virtual_time
async def test_an_object_with_a_plain_handle_is_run_like_any_other() -> None:
    """No decorator and no base class is needed, sync or async."""

    class Plain:
        card = AgentCard(name="a", summary="a", examples=("a",))

        def handle(self, task: Task, context: TaskContext) -> str:
            return task.request.upper()

    async with make([Plain()]) as o:
        await until_blocked()
        assert (await (await o.submit("a b")).result()).output == "A B"


@in_virtual_time
async def test_a_task_group_that_fails_in_a_handler_takes_no_timeout_from_the_next_task() -> None:
    """Before Python 3.13 it may leave the worker counted as cancelled; the next attempt is cut off all the same."""

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError("in the group")

    async def handler(task: Task, _context: TaskContext) -> str:
        if task.id == "second":
            await asyncio.sleep(100)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
        except* ValueError:
            pass
        return "caught"

    policy = Policy(concurrency=1, timeout_s=5, retry=Retry(max_attempts=1))
    async with make([ScriptedAgent("a", [handler], policy=policy)]) as o:
        first, second, third = [await o.submit("a", id=name) for name in ("first", "second", "third")]
        assert (await first.result()).output == "caught"
        assert (await second.result()).error == "no answer within 5 s"
        assert (await third.result()).output == "caught"


class Noted:
    """Runs of agents in virtual time, and what was logged of them as a warning."""

    def __init__(self, *agents: Any, **settings: Any) -> None:
        self._written = io.StringIO()
        logger = make_logger("json", self._written, now=lambda: 0.0)
        given: dict[str, Any] = {"journal": MemoryJournal("r"), "clock": VirtualClock(), "logger": logger, "run": "r"}
        self.run = Orchestrator(Settings(**settings), agents=agents, router=FixedRouter(), **given)

    def warnings(self) -> list[tuple[Any, ...]]:
        lines = map(json.loads, self._written.getvalue().splitlines())
        kept = ("event", "agent", "task", "attempt", "error")
        return [tuple(line[name] for name in kept) for line in lines if line["level"] == "warning"]


async def _untidy(_task: Task, context: TaskContext) -> str:
    came = ""
    try:
        came = await (context.ask("go on?") if context.task.id == "asks" else asyncio.sleep(100, "late"))
    finally:
        if not came:
            raise OSError("no clean-up")
    return came


async def _tidy(_task: Task, _context: TaskContext) -> None:
    await asyncio.sleep(100)


LOST = "handler failed as it was cut off"


@in_virtual_time
async def test_what_a_handler_raises_when_the_end_of_the_run_cuts_it_off_is_logged() -> None:
    """No row can say so any more, and the attempt does not count: nobody else would hear of it."""
    noted = Noted(ScriptedAgent("untidy", [_untidy]), ScriptedAgent("tidy", [_tidy]), drain_s=1)
    async with noted.run as o:
        for name in ("untidy", "tidy"):
            await o.submit(name, id=f"{name}-1")
    assert noted.warnings() == [(LOST, "untidy", "untidy-1", 1, "OSError: no clean-up")]
    assert not envelopes(o, "task.retried")


@in_virtual_time
async def test_what_a_handler_raises_when_its_time_is_up_is_logged() -> None:
    """The row says that its time was up."""
    policy = Policy(timeout_s=5, retry=Retry(max_attempts=1))
    agents = [ScriptedAgent("untidy", [_untidy], policy=policy), ScriptedAgent("tidy", [_tidy], policy=policy)]
    noted = Noted(*agents)
    async with noted.run as o:
        results = [await (await o.submit(name, id=name)).result() for name in ("untidy", "tidy")]
    assert [result.error for result in results] == ["no answer within 5 s"] * 2
    assert noted.warnings() == [(LOST, "untidy", "untidy", 1, "OSError: no clean-up")]


@in_virtual_time
async def test_what_a_handler_raises_when_it_is_to_wait_for_a_person_is_logged() -> None:
    """It waits all the same, and begins anew with the answer."""
    noted = Noted(ScriptedAgent("untidy", [_untidy]))
    async with noted.run as o:
        ticket = await o.submit("untidy", id="asks")
        await until_blocked()
        await o.answer("asks", "yes")
        assert (await ticket.result()).output == "yes"
    assert noted.warnings() == [(LOST, "untidy", "asks", 1, "OSError: no clean-up")]
