import asyncio
import functools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.budget import Budget, Shortage
from orchestrator.clock import VirtualClock, run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, BudgetExceededError
from orchestrator.journal import MemoryJournal, Row
from orchestrator.ledger import Balance
from orchestrator.messages import Result, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from orchestrator.recount import recount
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time
from tests.orchestrator.runs import make, now
from tests.orchestrator.test_resumption import reopened

ONCE = Policy(concurrency=1, retry=Retry(max_attempts=1))


def tasks(count: int, **fields: Any) -> tuple[Task, ...]:
    return tuple(Task(f"t{number}", "a", **fields) for number in range(1, count + 1))


def spender(name: str = "a", tokens: int = 30, cost: Any = 0, *, policy: Policy = ONCE, **more: Any) -> ScriptedAgent:
    def work(_task: Task, context: TaskContext) -> None:
        context.spend(tokens=tokens, cost=cost)

    return ScriptedAgent(name, [work], policy=policy, **more)


def go_on(agents: list[Any], rows: list[Row], budget: Budget | None = None) -> Orchestrator:
    return Orchestrator.resume(
        "r",
        Settings(log_format="off"),
        agents=agents,
        router=FixedRouter({"b": "b"}),
        journal=reopened(rows),
        clock=VirtualClock(),
        budget=budget,
    )


def statuses(results: dict[str, Result]) -> list[str]:
    return [result.status for result in results.values()]


def bodies(journal: MemoryJournal, topic: str) -> list[dict[str, Any]]:
    return [dict(row.envelope.body) for row in journal.select(topics=(topic,))]


# -- the run's ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_what_is_begun_when_the_run_has_nothing_left_ends_with_the_reason() -> None:
    """The attempt that went beyond is told so; no other begins; each end says whose budget, of what, and how much."""
    journal = MemoryJournal("r")
    async with make([spender()], journal, budget=Budget(tokens=100)) as o:
        results = await o.run(Plan("p", tasks(6)))
        balances = o.statistics().budgets
    assert statuses(results) == ["completed"] * 3 + ["dead_lettered"] * 3
    assert [result.attempts for result in results.values()] == [1, 1, 1, 1, 0, 0]
    assert results["t6"].error == "the budget of the run is used up: 120 tokens spent of 100"
    reason = {"scope": "run", "name": "", "resource": "tokens", "limit": 100, "spent": 120}
    ends = bodies(journal, "task.dead_lettered")
    assert [(end["cause"], end["budget"]) for end in ends] == [("budget", reason)] * 3
    assert bodies(journal, "run.stopped") == [{"unfinished": [], "reason": reason}]
    assert [balance.shortage for balance in balances] == [Shortage("run", "", "tokens", 100, 120)]


@in_virtual_time
async def test_a_run_that_uses_just_its_budget_is_stopped_by_nothing() -> None:
    """A limit is what may be used."""
    journal = MemoryJournal("r")
    async with make([spender(tokens=25)], journal, budget=Budget(tokens=100, attempts=4, tasks=4)) as o:
        assert set(statuses(await o.run(Plan("p", tasks(4))))) == {"completed"}
    assert bodies(journal, "run.stopped") == [{"unfinished": []}]


@in_virtual_time
async def test_attempts_and_tasks_are_counted_before_they_begin() -> None:
    """So many begin and no more, however many there are at the same time."""
    eager = Policy(concurrency=50, retry=Retry(max_attempts=3, backoff_s=1, jitter=0))
    for budget, begun in ((Budget(attempts=7), 7), (Budget(tasks=5), 15)):
        agent = ScriptedAgent("a", [ConnectionError("x")], takes_s=1, policy=eager)
        async with make([agent], budget=budget) as o:
            assert set(statuses(await o.run(Plan("p", tasks(20))))) == {"dead_lettered"}
        assert len(agent.calls) == begun


@in_virtual_time
async def test_a_handler_may_catch_that_its_budget_is_exceeded() -> None:
    """It cleans up and answers with what it has; what it spent is counted all the same."""

    def work(_task: Task, context: TaskContext) -> str:
        try:
            context.spend(tokens=500, cost="1.5")
        except BudgetExceededError as error:
            return error.shortage.figures
        return ""

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [work], policy=ONCE)], journal, budget=Budget(tokens=100)) as o:
        results = await o.run(Plan("p", tasks(2)))
    assert (results["t1"].status, results["t1"].output) == ("completed", "500 tokens spent of 100")
    assert results["t2"].status == "dead_lettered"
    assert bodies(journal, "task.completed")[0]["spent"] == {"tokens": 500, "cost": "1.5"}


@in_virtual_time
async def test_handlers_are_cut_off_when_no_wall_time_is_left() -> None:
    """It runs while at least one handler does: not between attempts, and not twice for two at a time."""
    policy = Policy(concurrency=2, retry=Retry(max_attempts=5, backoff_s=50, jitter=0))
    agent = ScriptedAgent("a", [ConnectionError("x"), None, None, None], takes_s=4, policy=policy)
    async with make([agent], budget=Budget(wall_s=10)) as o:
        results = await o.run(Plan("p", tasks(5)))
        assert now() == pytest.approx(54), "the retry of t1 is due then, and does not begin"
        balance = o.statistics().budgets[0]
    assert statuses(results) == ["dead_lettered", "completed", "completed", "completed", "dead_lettered"]
    assert balance.spent["wall_s"] == 10
    ended = [result for result in results.values() if not result.ok]
    assert {result.error for result in ended} == {"the budget of the run is used up: 10 s of 10 s"}


@in_virtual_time
async def test_a_plan_may_narrow_the_budget_of_the_run_it_is_submitted_to() -> None:
    """Never widen it; that it does is on record."""
    journal = MemoryJournal("r")
    async with make([spender()], journal, budget=Budget(tokens=1000, attempts=2)) as o:
        await o.run(Plan("p", tasks(4), budget=Budget(tokens=2000, cost=1, attempts=3)))
        assert o.statistics().budgets[0].limits == {"tokens": 1000, "attempts": 2, "cost": 10**9}
    assert bodies(journal, "budget.set") == [{"budget": {"attempts": 2, "tokens": 1000, "cost": "1"}}]
    assert recount(journal.rows).budget.limits == {"tokens": 1000, "attempts": 2, "cost": 10**9}


# -- an agent's --------------------------------------------------------------------------------------------------------


def limited(name: str, budget: Budget, **more: Any) -> ScriptedAgent:
    return spender(name, policy=ONCE.model_copy(update={"budget": budget}), **more)


class Second(FixedRouter):
    """Sends all to a, or to b where a is vetoed."""

    def predict(self, text: str, vetoes: Any = ()) -> Any:
        return super().predict("b" if "a" in vetoes else "a", vetoes)


@in_virtual_time
async def test_the_router_chooses_another_agent_when_one_has_used_its_budget_up() -> None:
    """The decision's vetoes say so; what waited for the first one, unbegun, is routed anew."""
    journal = MemoryJournal("r")
    agents = [limited("a", Budget(tokens=50)), spender("b")]
    async with make(agents, journal, router=Second()) as o:
        results = await o.run(Plan("p", tasks(5)))
        later = await (await o.submit("a", id="later")).result()
    assert statuses(results) == ["completed", "dead_lettered", "completed", "completed", "completed"]
    assert [result.agent for result in results.values()] == ["a", "a", "b", "b", "b"]
    assert [body["agent"] for body in bodies(journal, "task.returned")] == ["a"] * 3
    assert later.agent == "b"
    decisions = {body["decision"]["task"]: body["decision"] for body in bodies(journal, "task.routed")}
    assert decisions["later"]["vetoes"] == {"a": "budget: 60 tokens spent of 50"}
    assert decisions["t3"]["vetoes"] == decisions["later"]["vetoes"]


@in_virtual_time
async def test_without_another_agent_a_task_is_a_dead_letter_for_want_of_the_budget() -> None:
    """Also where its submitter named the agent; the decision that was taken is on record with it."""
    journal = MemoryJournal("r")
    async with make([limited("a", Budget(attempts=1))], journal) as o:
        assert (await (await o.submit("a", id="t1")).result()).ok
        routed = await (await o.submit("a", id="t2")).result()
        named = await (await o.submit("x", id="t3", agent="a")).result()
        strange = await (await o.submit("x", id="t4")).result()
    error = "the budget of agent 'a' is used up: 1 attempts begun of 1"
    assert [(r.status, r.agent, r.error) for r in (routed, named)] == [("dead_lettered", "a", error)] * 2
    assert strange.status == "abstained", "it would not have got it anyway"
    decided, _ = bodies(journal, "task.dead_lettered")
    assert decided["decision"]["vetoes"] == {"a": "budget: 1 attempts begun of 1"}


@in_virtual_time
async def test_what_its_submitter_gave_to_an_agent_is_not_routed_anew() -> None:
    """Also where it had been sent before the budget was used up, and waits there."""
    journal = MemoryJournal("r")
    agents = [limited("a", Budget(attempts=1)), spender("b")]
    async with make(agents, journal, router=Second()) as o:
        named = tuple(task._replace(agent="a") for task in tasks(3))
        assert statuses(await o.run(Plan("p", named))) == ["completed", "dead_lettered", "dead_lettered"]
    assert not bodies(journal, "task.returned")


@in_virtual_time
async def test_the_fallback_gets_nothing_when_its_budget_is_used_up() -> None:
    """It is no way around."""
    async with make([limited("a", Budget(attempts=0))], fallback_agent="a") as o:
        result = await (await o.submit("x")).result()
    assert (result.status, result.error) == (
        "dead_lettered",
        "the budget of agent 'a' is used up: 0 attempts begun of 0",
    )


@in_virtual_time
async def test_a_task_that_was_begun_stays_with_its_agent() -> None:
    """It may have effects on record, which answer to that agent: it is a dead letter, not routed anew."""
    policy = Policy(concurrency=1, retry=Retry(max_attempts=3, backoff_s=1, jitter=0), budget=Budget(attempts=1))
    agents = [ScriptedAgent("a", [ConnectionError("x")], policy=policy), spender("b")]
    async with make(agents, router=Second()) as o:
        result = await (await o.submit("a", id="t1")).result()
    assert (result.status, result.agent, result.attempts) == ("dead_lettered", "a", 1)
    assert "the budget of agent 'a'" in result.error


@in_virtual_time
async def test_an_agent_is_vetoed_from_the_beginning_of_its_last_attempt() -> None:
    """Not from its end: what is decided meanwhile goes to another agent at once, and is not sent to and fro."""
    journal = MemoryJournal("r")
    agents = [limited("a", Budget(attempts=1), takes_s=5), spender("b")]
    async with make(agents, journal, router=Second()) as o:
        await o.submit("a", id="t1")
        await asyncio.sleep(1)
        assert (await (await o.submit("a", id="t2")).result()).agent == "b"
    assert not bodies(journal, "task.returned")


@in_virtual_time
async def test_an_attempt_that_waits_for_a_person_gives_its_agent_back() -> None:
    """It is not counted, so there is room for another one."""

    async def work(task: Task, context: TaskContext) -> str:
        return await context.ask("well?") if task.id == "t1" else "done"

    policy = ONCE.model_copy(update={"budget": Budget(attempts=1)})
    async with make([ScriptedAgent("a", [work], policy=policy), spender("b")], router=Second()) as o:
        await o.submit("a", id="t1")
        await asyncio.sleep(1)
        assert o._supervisor.vetoes() == {}
        assert (await (await o.submit("a", id="t2")).result()).agent == "a"
        assert o._supervisor.vetoes() == {"a": "budget: 1 attempts begun of 1"}


# -- a task's ----------------------------------------------------------------------------------------------------------


def nester(depth: int, width: int, tokens: int) -> ScriptedAgent:
    """Spends, and adds tasks below each task until a depth."""

    def work(task: Task, context: TaskContext) -> None:
        context.spend(tokens=tokens)
        if task.id.count("/") < depth:
            for _ in range(width):
                context.add_task("a")

    return ScriptedAgent("a", [work], policy=ONCE)


@in_virtual_time
async def test_the_budget_of_a_task_covers_all_that_are_added_below_it() -> None:
    """And nothing else: when it is used up, its own ends, and the rest goes on."""
    async with make([nester(depth=2, width=3, tokens=10)]) as o:
        await o.submit_plan(Plan("p", (Task("x", "a", budget=Budget(tokens=50)), Task("y", "a"))))
        results = await o.results()
        balances = o.statistics().budgets
    assert {r.status for name, r in results.items() if name.startswith("y")} == {"completed"}
    ended = [r for name, r in results.items() if name.startswith("x") and not r.ok]
    assert len(ended) == 13 - 5
    assert {r.error for r in ended} == {"the budget of task 'x' is used up: 50 tokens spent of 50"}
    assert [(b.scope, b.name, b.spent["tokens"], b.spent["tasks"]) for b in balances] == [
        ("run", "", 180, 18),
        ("task", "x", 50, 5),
    ]


@in_virtual_time
async def test_a_task_that_an_agent_adds_may_have_a_budget_within_that_of_its_parent() -> None:
    """The nearest one that is exceeded is named."""

    def work(task: Task, context: TaskContext) -> None:
        context.spend(cost="0.4")
        if task.id == "x":
            context.add_task("a", budget=Budget(cost="0.3"))
            context.add_task("a")

    async with make([ScriptedAgent("a", [work], policy=ONCE)]) as o:
        await o.submit("a", id="x", budget=Budget(cost="1"))
        results = await o.results()
    assert results["x/1"].error == "the budget of task 'x/1' is used up: cost 0.4 of 0.3"
    assert results["x/2"].error == "the budget of task 'x' is used up: cost 1.2 of 1"


# -- what is on record -------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_what_was_awaited_is_on_record_at_once_and_the_rest_with_the_end_of_the_attempt() -> None:
    """Each amount once, whichever way; an attempt that fails, or asks a person, says what it spent, too."""

    async def work(_task: Task, context: TaskContext) -> str:
        context.spend(tokens=1)
        await context.spend(tokens=2, cost="0.5")
        context.spend(tokens=4)
        if context.attempt == 1:
            raise ConnectionError("x")
        return await context.ask("well?")

    agent = ScriptedAgent("a", [work], policy=Policy(retry=Retry(backoff_s=1)))
    journal = MemoryJournal("r")
    async with make([agent], journal, budget=Budget(tokens=1000)) as o:
        ticket = await o.submit("a", id="t1")
        await asyncio.sleep(10)
        await o.answer("t1", "yes")
        await ticket.result()
        assert o.statistics().budgets[0].spent == {
            "tasks": 1, "attempts": 2, "wall_s": 0, "tokens": 21, "cost": 15 * 10**8,
        }  # fmt: skip
    assert bodies(journal, "budget.spent") == [
        {"agent": "a", "attempt": attempt, "tokens": 3, "cost": "0.5"} for attempt in (1, 2, 2)
    ]
    _agree(o.statistics().budgets, journal.rows)
    spent = [bodies(journal, f"task.{end}")[0]["spent"] for end in ("retried", "asked", "completed")]
    assert spent == [{"tokens": 4}] * 3


@in_virtual_time
async def test_what_was_spent_is_not_lost_where_the_answer_cannot_be_recorded() -> None:
    """The row that says so bears it."""

    def work(_task: Task, context: TaskContext) -> Any:
        context.spend(tokens=5)
        return "\ud800"

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [work], policy=ONCE)], journal) as o:
        assert (await (await o.submit("a", id="t1")).result()).status == "failed"
    assert [body["spent"] for body in bodies(journal, "task.failed")] == [{"tokens": 5}]


@in_virtual_time
async def test_what_a_cut_short_attempt_spent_is_in_the_last_row() -> None:
    """A stop is no attempt, but the money is gone."""

    async def work(_task: Task, context: TaskContext) -> None:
        context.spend(tokens=5)
        await asyncio.sleep(100)

    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a", [work])], journal, drain_s=1, budget=Budget(tokens=50)) as o:
        await o.submit("a", id="t1")
    last = bodies(journal, "run.stopped")[0]
    assert (last["interrupted"], last["spent"]) == (["t1"], [["t1", "a", {"tokens": 5}]])
    spent = recount(journal.rows).ledger.balances(0)[0].spent
    assert (spent["tokens"], spent["attempts"], spent["tasks"], spent["wall_s"]) == (5, 0, 0, 1)


@in_virtual_time
async def test_without_a_budget_nothing_is_counted_and_what_is_spent_is_on_record_all_the_same() -> None:
    """So that a budget may be given when the run is resumed."""
    journal = MemoryJournal("r")
    async with make([spender()], journal) as o:
        await o.run(Plan("p", tasks(2)))
        assert o.statistics().budgets == ()
    assert recount(journal.rows).ledger.run.amount.tokens == 60
    async with go_on([spender()], journal.rows, Budget(tokens=70)) as o:
        assert (await (await o.submit("a", id="t8")).result()).error.endswith("90 tokens spent of 70")


@in_virtual_time
async def test_no_amount_is_refused_in_the_handler() -> None:
    """With what is wrong; nothing of it is counted."""
    async with make([spender(tokens=-5)], budget=Budget(tokens=100)) as o:
        result = await (await o.submit("a")).result()
        assert o.statistics().budgets[0].spent["tokens"] == 0
    assert (result.status, result.error) == (
        "failed",
        "spend: tokens is -5; give a whole number of tokens, 0 or more",
    )


async def test_a_handler_called_by_hand_may_spend() -> None:
    """In a test of its own; amounts are checked there, too."""
    context = TaskContext(Task("t", "x"))
    await context.spend(tokens=5)
    with pytest.raises(AgentError):
        context.spend(cost=-1)


# -- resuming ----------------------------------------------------------------------------------------------------------


async def stopped_by_its_budget() -> list[Row]:
    journal = MemoryJournal("r")
    heirs = (Task("heir", "a", after=("t4",)), Task("last", "a", after=("heir",), on_failure="skip"))
    plan = (*tasks(4), *(heir._replace(estimate_s=0) for heir in heirs))  # so that t4 is no more urgent than the rest
    async with make([spender()], journal, budget=Budget(tokens=50)) as o:
        results = await o.run(Plan("p", plan))
    assert statuses(results) == ["completed", *["dead_lettered"] * 3, "failed", "skipped"]
    return journal.rows


STOPPED = run_virtual(stopped_by_its_budget())


@in_virtual_time
async def test_a_run_that_its_budget_stopped_goes_on_when_it_is_raised() -> None:
    """What ended for want of it runs, and what ended only because of that; what was spent stays spent."""
    agent = spender()
    async with go_on([agent], STOPPED, Budget(tokens=1000)) as o:
        assert set(statuses(await o.results())) == {"completed"}
        balance = o.statistics().budgets[0]
    assert [task.id for task in agent.calls] == ["t2", "t3", "t4", "heir", "last"]
    assert (balance.spent["tokens"], balance.spent["attempts"], balance.spent["tasks"]) == (210, 7, 6)


@in_virtual_time
async def test_without_room_a_resumed_run_stays_stopped() -> None:
    """Limits that are not named stay, and lifting another one helps nothing."""
    for budget in (None, Budget(cost=5), Budget(tokens=60)):
        agent = spender()
        async with go_on([agent], STOPPED, budget) as o:
            assert statuses(await o.results()).count("completed") == 1
            assert not bodies(o._journal, "task.revived")  # type: ignore[arg-type]  # a MemoryJournal
        assert not agent.calls


@in_virtual_time
async def test_a_limit_that_is_lifted_is_none() -> None:
    """And that stays so when it is resumed again."""
    async with go_on([spender()], STOPPED, Budget(tokens=None)) as o:
        await o.results()
        assert o.statistics().budgets == ()
        rows = o._journal.rows  # type: ignore[attr-defined]  # a MemoryJournal
    async with go_on([spender()], rows) as o:
        assert o.statistics().budgets == ()


@pytest.mark.parametrize("cut", range(1, 30, 3))
def test_a_crash_while_a_stopped_run_goes_on_leaves_it_to_be_resumed(cut: int) -> None:
    """The raised budget is on record before anything is opened again: it need not be said twice."""

    async def go() -> None:
        agent = spender(policy=Policy(retry=Retry(max_attempts=2)))  # an attempt that a crash cut short counts
        async with go_on([agent], STOPPED, Budget(tokens=1000)) as o:
            await o.results()
            rows: list[Row] = o._journal.rows  # type: ignore[attr-defined]  # a MemoryJournal
        async with go_on([agent], rows[: len(STOPPED) + cut]) as o:
            assert set(statuses(await o.results())) == {"completed"}

    run_virtual(go())


@in_virtual_time
async def test_an_agent_whose_card_allows_more_is_used_again() -> None:
    """Its tasks that ended for want of its budget are tried when the run is resumed."""
    journal = MemoryJournal("r")
    async with make([limited("a", Budget(attempts=1))], journal) as o:
        await o.run(Plan("p", tasks(2)))
    async with go_on([limited("a", Budget(attempts=1))], journal.rows) as o:
        assert statuses(await o.results()) == ["completed", "dead_lettered"]
        assert o._supervisor.vetoes() == {"a": "budget: 1 attempts begun of 1"}
    async with go_on([limited("a", Budget(attempts=5))], journal.rows) as o:
        assert statuses(await o.results()) == ["completed", "completed"]


# -- sums --------------------------------------------------------------------------------------------------------------


class Reference:
    """What the rows of a run say, added up in the simplest way: by task, and by agent."""

    def __init__(self, rows: list[Row]) -> None:
        self.tokens: Counter[tuple[str, str]] = Counter()
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.parent: dict[str, str] = {}
        for row in rows:
            topic, body, task = row.envelope.topic, row.envelope.body, row.envelope.correlation_id
            if topic == "task.submitted":
                self.parent[task] = body["task"].get("parent", "")
            elif topic == "task.started":
                self.attempts[task, body["agent"]] += 1
            elif topic == "budget.spent":
                self.tokens[task, body["agent"]] += body.get("tokens", 0)
            elif topic == "run.stopped":
                for name, agent, amount in body.get("spent", ()):
                    self.tokens[name, agent] += amount["tokens"]
                for name in body.get("interrupted", ()):
                    self.attempts[name, body.get("agent", name[0])] -= 1
            elif "spent" in body:
                self.tokens[task, body["agent"]] += body["spent"].get("tokens", 0)

    def below(self, top: str) -> set[str]:
        def is_below(name: str) -> bool:
            return name == top or bool(name and is_below(self.parent[name]))

        return {name for name in self.parent if is_below(name)}


class Busy:
    """Spends as its task says, in pieces, fails once in a while, and adds tasks with budgets of their own."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.card = ScriptedAgent(name, policy=policy).card

    async def handle(self, task: Task, context: TaskContext) -> None:
        plan = task.payload
        await asyncio.sleep(plan["takes_s"])
        context.spend(tokens=plan["tokens"])
        if plan["awaits"]:
            await context.spend(tokens=1)
        if context.attempt <= plan["fails"]:
            raise ConnectionError("x")
        for child in plan["children"]:
            budget = None if child["budget"] is None else Budget(tokens=child["budget"])
            context.add_task(child["agent"], payload=child, budget=budget)


def _work(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "agent": st.sampled_from("ab"),
            "takes_s": st.integers(0, 3),
            "tokens": st.integers(0, 20),
            "awaits": st.booleans(),
            "fails": st.integers(0, 2),
            "budget": st.none() | st.integers(0, 60),
            "children": children,
        }
    )


WORK = _work(st.lists(_work(st.lists(_work(st.just([])), max_size=2)), max_size=2))


def _limits(top: int) -> st.SearchStrategy[Budget]:
    some = functools.partial(st.integers, 0)
    return st.builds(
        Budget, tokens=st.none() | some(top), attempts=st.none() | some(top // 5), tasks=st.none() | some(8)
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(WORK, min_size=1, max_size=4), _limits(200), _limits(100), st.integers(1, 12), st.data())
def test_the_sums_are_right_whatever_happens(
    work: list[dict[str, Any]], run: Budget, agents: Budget, drain_s: int, data: st.DataObject
) -> None:
    """By task, by agent and for the run they are the same; live they are as rebuilt; none has begun more than it may.

    So they are in a run that is stopped in its middle, or resumed from any row on.
    """
    policy = Policy(concurrency=2, retry=Retry(max_attempts=2, backoff_s=1, jitter=0), budget=agents)
    cast = [Busy("a", policy), Busy("b", policy)]
    plan = tuple(
        Task(f"t{n}", one["agent"], payload=one, budget=None if one["budget"] is None else Budget(tokens=one["budget"]))
        for n, one in enumerate(work)
    )

    async def begin() -> tuple[list[Row], tuple[Balance, ...]]:
        journal = MemoryJournal("r")
        async with make(cast, journal, budget=run, drain_s=drain_s) as o:
            await o.submit_plan(Plan("p", plan))
            await asyncio.sleep(drain_s)
            live = o.statistics().budgets
            rows = journal.rows[:]
            if not o.statistics().graph.waiting + o.statistics().graph.ready:
                _agree(live, rows)
        return journal.rows, live

    rows, _ = run_virtual(begin())
    _check(rows)

    async def again(rows: list[Row]) -> list[Row]:
        async with go_on(cast, rows) as o:
            await o.results()
            _agree(o.statistics().budgets, o._journal.rows)  # type: ignore[attr-defined]  # a MemoryJournal
            return list(o._journal.rows)  # type: ignore[attr-defined]  # as above

    first = next(at for at, row in enumerate(rows) if row.envelope.topic == "task.submitted")
    _check(run_virtual(again(rows[: data.draw(st.integers(first + len(plan), len(rows)), "cut")])))


def _agree(live: tuple[Balance, ...], rows: list[Row]) -> None:
    rebuilt = {(b.scope, b.name): b for b in recount(rows).ledger.balances(0)}
    for balance in live:
        if balance.limits:
            other = rebuilt[balance.scope, balance.name]
            assert other.limits == balance.limits
            assert {**other.spent, "wall_s": 0} == {**balance.spent, "wall_s": 0}
            assert other.spent["wall_s"] == pytest.approx(balance.spent["wall_s"], abs=1e-4)


def _check(rows: list[Row]) -> None:
    counted, reference = recount(rows), Reference(rows)
    ledger = counted.ledger
    balances = {(b.scope, b.name): b for b in ledger.balances(0)}
    assert sum(reference.tokens.values()) == ledger.run.amount.tokens
    assert sum(account.amount.tokens for account in ledger.agents.values()) == ledger.run.amount.tokens
    assert sum(account.attempts for account in ledger.agents.values()) == ledger.run.attempts
    for (scope, name), balance in balances.items():
        if scope == "task":
            below = reference.below(name)
            assert balance.spent["tokens"] == sum(n for (task, _), n in reference.tokens.items() if task in below)
        elif scope == "agent":
            assert balance.spent["tokens"] == sum(n for (_, agent), n in reference.tokens.items() if agent == name)
        for resource in ("attempts", "tasks"):
            assert balance.spent[resource] <= balance.limits.get(resource, 10**9)
