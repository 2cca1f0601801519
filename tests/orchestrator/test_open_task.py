"""The open task: when its next attempt is due, and why there is none; and how runs keep to that."""

from __future__ import annotations

import asyncio
import functools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.causes import Cause
from orchestrator.clock import run_virtual
from orchestrator.context import TaskContext
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope, Task
from orchestrator.open_task import OpenTask
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry, TaskPolicy
from orchestrator.testing import ScriptedAgent, in_virtual_time, until_blocked
from tests.orchestrator import isolated_agents
from tests.orchestrator.runs import make, now
from tests.orchestrator.test_isolation import real
from tests.orchestrator.test_resumption import reopened, resume

COMMAND = Envelope("1", "agent.a", "t", "", 0.0, {})
RETRIES = st.builds(
    Retry,
    max_attempts=st.integers(1, 8),
    backoff_s=st.floats(0, 20),
    factor=st.floats(1, 4),
    max_backoff_s=st.floats(0, 40),
    jitter=st.floats(0, 1),
    total_s=st.none() | st.floats(0.01, 100),
    never=st.sampled_from([(), ("KeyError",), ("OSError",)]),
)


def bounds(retry: Retry, attempt: int) -> tuple[float, float]:
    """Return the least and the longest wait after a failed attempt, as the settings' descriptions say it."""
    full = min(retry.backoff_s * retry.factor ** (attempt - 1), retry.max_backoff_s)
    return full * (1 - retry.jitter) - 1e-6, full + 1e-6


@given(RETRIES, st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), min_size=8, max_size=8), st.integers(0, 99))
def test_no_attempt_is_begun_that_the_retries_do_not_permit(
    retry: Retry, times: list[tuple[float, float]], seed: int
) -> None:
    """However long attempts and queues take: never too many, never too late, and each wait within its bounds."""
    entry, clock, begun = OpenTask(COMMAND, Policy(retry=retry)), 50.0, []
    for takes_s, queued_s in times:
        if entry.attempts and entry.spent(clock):
            break
        entry.begin(clock)
        begun.append(clock)
        clock += takes_s
        kinds = ("ConnectionError", "OSError")
        wait = entry.wait_or_end("it", Cause.RAISED, kinds, clock, functools.partial(random.Random, seed))
        if isinstance(wait, str):
            break
        least, longest = bounds(retry, len(begun))
        assert least <= wait <= longest
        clock += wait + queued_s
    assert 1 <= len(begun) <= retry.max_attempts
    assert "OSError" not in retry.never or len(begun) == 1
    if retry.total_s is not None:
        assert all(at - begun[0] <= retry.total_s + 1e-6 for at in begun)


@settings(max_examples=40, deadline=None)
@given(RETRIES, st.lists(st.floats(0, 20), min_size=1, max_size=4), st.integers(0, 9))
def test_a_run_begins_no_attempt_that_the_retries_do_not_permit(retry: Retry, takes_s: list[float], seed: int) -> None:
    """The same of a whole run: of an agent with one worker, a breaker, and another task in between."""
    begun: list[float] = []

    async def fail(task: Task, _context: TaskContext) -> None:
        if task.id == "other":
            await asyncio.sleep(7)
            return
        begun.append(now())
        await asyncio.sleep(takes_s[(len(begun) - 1) % len(takes_s)])
        raise ConnectionError("again")

    async def go() -> MemoryJournal:
        journal = MemoryJournal("r")
        agent = ScriptedAgent("a", [fail], policy=Policy(concurrency=1, breaker=Breaker(failures=4, cooldown_s=9)))
        async with make([agent], journal, seed=seed) as o:
            await o.run(Plan("p", (Task("t", "a", policy=TaskPolicy(retry=retry)), Task("other", "a", after=()))))
        return journal

    journal = run_virtual(go())
    waits = [row.envelope.body["delay_s"] for row in journal.select(topics=("task.retried",))]
    (end,) = journal.select(topics=("task.dead_lettered",))
    assert len(begun) == end.envelope.body["attempts"] <= retry.max_attempts
    assert "OSError" not in retry.never or len(begun) == 1
    for attempt, wait in enumerate(waits, 1):
        least, longest = bounds(retry, attempt)
        assert least <= wait <= longest
    if retry.total_s is not None:
        assert all(at - begun[0] <= retry.total_s + 1e-6 for at in begun)
    if len(begun) < retry.max_attempts:
        assert "(not retried: " in end.envelope.body["error"]


def outcome_of(error: Exception, retry: Retry, **more: Any) -> Any:
    """Return the result of a task whose every attempt raises an error."""

    async def go() -> Any:
        async with make([ScriptedAgent("a", [error], **more)]) as o:
            return await (await o.submit("a", policy=Policy(retry=retry))).result()

    return run_virtual(go())


def test_a_dead_letter_says_why_it_was_not_tried_again() -> None:
    """The class that is barred, or that no other attempt would have begun in time; not that all were used up."""
    barred = outcome_of(UnicodeError("half a letter"), Retry(never=("ValueError",)))
    assert (barred.status, barred.attempts) == ("dead_lettered", 1)
    assert barred.error == "UnicodeError: half a letter (not retried: ValueError is in `never`)"
    late = outcome_of(OSError("x"), Retry(total_s=10, backoff_s=4, jitter=0), takes_s=3)
    assert late.error == ("OSError: x (not retried: 18 s after the first attempt began is later than total_s, 10 s)")
    assert late.attempts == 2
    used_up = outcome_of(OSError("x"), Retry(max_attempts=2))
    assert (used_up.error, used_up.attempts) == ("OSError: x", 2)


def test_an_attempt_may_begin_at_the_very_end_of_the_time() -> None:
    """The bound is meant to the microsecond: 0.1 and 0.2 seconds add up to 0.3."""
    assert outcome_of(OSError("x"), Retry(total_s=0.3, backoff_s=0.1, jitter=0), takes_s=0).attempts == 3


@in_virtual_time
async def test_a_task_whose_time_ran_out_while_the_breaker_was_open_is_not_begun_again() -> None:
    """It ends when the breaker would let it pass, and leaves the probe to the next one."""
    agent = ScriptedAgent("a", [OSError("x"), "ok"], policy=Policy(breaker=Breaker(failures=1, cooldown_s=30)))
    async with make([agent]) as o:
        first = await o.submit("a", policy=Policy(retry=Retry(total_s=5, backoff_s=1)))
        await asyncio.sleep(2)
        second = await o.submit("a", agent="a")
        ended = await first.result()
        assert (ended.status, ended.attempts, now()) == ("dead_lettered", 1, 30)
        assert ended.error == "OSError: x (not retried: 30 s after the first attempt began is later than total_s, 5 s)"
        assert (await second.result()).ok
    assert len(agent.calls) == 2


# --- the policy of a plan and a task ----------------------------------------------------------------------------------


@in_virtual_time
async def test_each_attempt_has_the_time_of_its_own_task() -> None:
    """One agent, four tasks: by the card, by the plan, by the task over the plan, and by a task alone."""
    ends: dict[str, float] = {}

    async def hang(task: Task, _context: TaskContext) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ends[task.id] = now()

    card = Policy(timeout_s=8, concurrency=9, retry=Retry(max_attempts=1))
    planned = Plan("p", (Task("plan", "a"), Task("both", "a", policy=Policy(timeout_s=20))), policy=Policy(timeout_s=3))
    async with make([ScriptedAgent("a", [hang], policy=card)]) as o:
        await o.submit("a", id="card")
        await o.submit("a", id="task", policy=Policy(timeout_s=1))
        results = {**await o.run(planned), **await o.results()}
    assert ends == {"card": 8, "plan": 3, "both": 20, "task": 1}
    assert results["both"].error == "no answer within 20 s"
    assert {result.attempts for result in results.values()} == {1}


@in_virtual_time
async def test_what_a_plan_states_holds_for_tasks_that_agents_add_and_what_a_task_states_for_itself() -> None:
    """The child has the plan's attempts and its own time; the parent's own attempts are not its."""

    def add(_task: Task, context: TaskContext) -> None:
        context.add_task("b", id="child", policy=Policy(retry=Retry(backoff_s=0)))

    agents = [ScriptedAgent("a", [add]), ScriptedAgent("b", [OSError("x")])]
    parent = Task("parent", "a", policy=Policy(retry=Retry(max_attempts=1)))
    async with make(agents) as o:
        await o.submit_plan(Plan("p", (parent,), policy=Policy(retry=Retry(max_attempts=5))))
        results = await o.results()
    assert (results["child"].attempts, results["parent"].attempts, now()) == (5, 1, 0)


@in_virtual_time
async def test_settings_are_the_ground_of_a_card() -> None:
    """A card that states one field leaves the others to the settings."""
    ground = Policy(retry=Retry(max_attempts=2, backoff_s=5, jitter=0))
    agent = ScriptedAgent("a", [OSError("x")], policy=Policy(retry=Retry(max_attempts=4)))
    journal = MemoryJournal("r")
    async with make([agent], journal, policy=ground) as o:
        assert (await (await o.submit("a")).result()).attempts == 4
        assert now() == 5 + 10 + 20
    (registered,) = journal.select(topics=("registry.agent_registered",))
    assert registered.envelope.body["policy"] == {"retry": {"max_attempts": 4, "backoff_s": 5.0, "jitter": 0.0}}


async def test_a_handler_in_a_process_of_its_own_is_run_under_the_policy_of_its_task() -> None:
    """It is killed when its own task's time is over, and the classes of what it raised count in our process."""
    once = Policy(timeout_s=0.1, retry=Retry(max_attempts=1))
    async with real(isolated_agents.spinner, isolated_agents.raiser) as o:
        late = await o.submit("spinner", policy=once)
        raised = await o.submit("raiser", policy=Policy(retry=Retry(never=("ValueError",))))
        assert (await late.result()).error == "no answer within 0.1 s"
        result = await raised.result()
    assert (result.attempts, result.error) == (1, "ValueError: two lines (not retried: ValueError is in `never`)")


# --- restarts ---------------------------------------------------------------------------------------------------------

PATIENT = Retry(max_attempts=9, backoff_s=4, factor=1, jitter=0)


async def crash_after(seconds: float, agents: list[Any], plan: Plan, **more: Any) -> MemoryJournal:
    """Return the journal of a run whose process ended after so many seconds."""
    journal = MemoryJournal("r")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a crash, as far as the journal can tell
        async with make(agents, journal, **more) as o:
            await o.submit_plan(plan)
            await asyncio.sleep(seconds)
            raise ZeroDivisionError
    return reopened(journal.rows)


@in_virtual_time
async def test_a_resumed_run_keeps_the_policies_of_its_plan_and_tasks() -> None:
    """They are in the journal, beside what each task states itself."""
    plan = Plan(
        "p",
        (Task("t", "a", policy=Policy(timeout_s=2)),),
        policy=Policy(retry=Retry(max_attempts=4, backoff_s=5, jitter=0)),
    )
    journal = await crash_after(1, [ScriptedAgent("a", takes_s=50)], plan)
    async with resume([ScriptedAgent("a", takes_s=50)], journal) as o:
        result = (await o.results())["t"]
    assert (result.error, result.attempts) == ("no answer within 2 s", 4)
    assert now() == 1 + 3 * 2 + 10 + 20


@in_virtual_time
async def test_total_time_is_counted_over_restarts() -> None:
    """The attempts begin after 0, 4, 8 and 12 seconds; the process is down from the 5th to the 9th."""
    plan = Plan("p", (Task("t", "a"),), policy=Policy(retry=PATIENT.model_copy(update={"total_s": 14.0})))
    journal = await crash_after(5, [ScriptedAgent("a", [OSError("x")])], plan)
    await asyncio.sleep(4)
    async with resume([ScriptedAgent("a", [OSError("x")])], journal) as o:
        result = (await o.results())["t"]
    assert (result.attempts, now()) == (4, 13)
    assert result.error == "OSError: x (not retried: 17 s after the first attempt began is later than total_s, 14 s)"


@in_virtual_time
async def test_a_task_whose_time_ran_out_while_no_process_ran_is_not_begun_again() -> None:
    """It becomes a dead letter as soon as the run goes on."""
    plan = Plan("p", (Task("t", "a"),), policy=Policy(retry=Retry(total_s=60)))
    journal = await crash_after(5, [ScriptedAgent("a", takes_s=50)], plan)
    await asyncio.sleep(3600)
    agent = ScriptedAgent("a")
    async with resume([agent], journal) as o:
        result = (await o.results())["t"]
    assert (result.status, result.attempts, agent.calls) == ("dead_lettered", 1, [])
    assert result.error.startswith("attempt 1 did not complete (not retried: 3605 s after the first attempt began")


@pytest.mark.parametrize("crashes", [False, True])
@in_virtual_time
async def test_waiting_for_a_person_takes_none_of_the_total_time(crashes: bool) -> None:  # noqa: FBT001 - a parameter
    """A person may take a day, in this process or over a restart; attempts before and after share the time."""

    async def ask(_task: Task, context: TaskContext) -> str:
        if context.attempt == 1:
            raise OSError("x")
        answer = await context.ask("go on?")
        if context.attempt == 2:
            raise OSError("y")
        return answer

    plan = Plan("p", (Task("t", "a"),), policy=Policy(retry=PATIENT.model_copy(update={"total_s": 9.0})))
    if crashes:
        journal = await crash_after(6, [ScriptedAgent("a", [ask])], plan)
        o = resume([ScriptedAgent("a", [ask])], journal)
    else:
        o = make([ScriptedAgent("a", [ask])])
    async with o:
        if not crashes:
            await o.submit_plan(plan)
        await asyncio.sleep(80_000)
        await o.answer("t", "yes")
        await until_blocked()
        result = (await o.results())["t"]
    assert (result.output, result.attempts) == ("yes", 3)
