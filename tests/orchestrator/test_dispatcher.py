import asyncio
import itertools
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.clock import run_virtual
from orchestrator.errors import PointsmanError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import EMPTY, Envelope, Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time, until_blocked
from router import AgentProfile, Contribution, Prediction
from router.prediction import Scoreboard
from tests.orchestrator.runs import make, now


def about(o: Orchestrator, task_id: str) -> list[Envelope]:
    assert isinstance(o._journal, MemoryJournal)
    return [row.envelope for row in o._journal.rows if row.envelope.correlation_id == task_id]


# --- decisions --------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_every_step_of_a_task_is_on_record_and_names_its_cause() -> None:
    """Submitted, routed, commanded, started, completed: each is caused by the one before."""
    async with make([ScriptedAgent("a", ["done"]), ScriptedAgent("b")]) as o:
        await (await o.submit("a please", id="t")).result()
    way = about(o, "t")
    assert [envelope.topic for envelope in way] == [
        "task.submitted",
        "task.routed",
        "agent.a",
        "task.started",
        "task.completed",
    ]
    for before, after in itertools.pairwise(way):
        assert after.causation_id == before.id
    decision = way[1].body["decision"]
    assert (decision["chosen"], decision["policy"], decision["task"]) == ("a", "learned", "t")
    assert decision["candidates"]["names"] == ["a", "b"]
    assert decision["registry_digest"] == o.registry.digest
    assert (len(decision["trace_id"]), len(decision["span_id"])) == (32, 16)
    assert way[1].measured is not None


@in_virtual_time
async def test_what_the_router_abstains_on_ends_as_abstained() -> None:
    """The answer "none of these" is an end of its own, with the decision beside it; those that wait for it fail."""
    async with make([ScriptedAgent("a")]) as o:
        tickets = await o.submit_plan(Plan("p", (Task("odd", "something else"), Task("next", "a", after=("odd",)))))
        odd, following = [await tickets[name].result() for name in ("odd", "next")]
    assert (odd.status, odd.error, odd.attempts) == ("abstained", "the router abstained: below-threshold", 0)
    assert (following.status, following.error) == ("failed", "'odd', which it waited for, ended as abstained")
    assert about(o, "odd")[1].body["decision"]["chosen"] is None


@in_virtual_time
async def test_the_fallback_agent_gets_what_the_router_abstains_on() -> None:
    """The record says that it is a fallback; a fallback that is not registered is none."""
    async with make([ScriptedAgent("a"), ScriptedAgent("clerk", ["mine"])], fallback_agent="clerk") as o:
        result = await (await o.submit("something else", id="t")).result()
        assert (result.agent, result.output) == ("clerk", "mine")
        assert about(o, "t")[1].body["decision"]["policy"] == "fallback"
        await o.unregister("clerk")
        assert (await (await o.submit("something else")).result()).status == "abstained"


@in_virtual_time
async def test_a_pinned_task_goes_where_its_submitter_says() -> None:
    """The router is not asked, whatever the text says, and a breaker does not veto."""
    async with make([ScriptedAgent("a"), ScriptedAgent("b", ["mine"])]) as o:
        result = await (await o.submit("a please", agent="b", id="t")).result()
    assert (result.agent, result.output) == ("b", "mine")
    decision = about(o, "t")[1].body["decision"]
    assert (decision["policy"], decision["chosen"]) == ("pinned", "b")


@in_virtual_time
async def test_a_task_pinned_to_an_unknown_agent_fails() -> None:
    """At once, by name, and the run goes on."""
    async with make([ScriptedAgent("a")]) as o:
        result = await (await o.submit("a please", agent="nobody")).result()
        assert (result.status, result.agent, result.error) == ("failed", "nobody", "no agent 'nobody' is registered")
        assert (await (await o.submit("a please")).result()).ok


class Static(FixedRouter):
    """A router that knows its agents from the beginning and learns nothing."""

    def __init__(self, *names: str, obeys: bool = True) -> None:
        super().__init__()
        self.obeys = obeys
        for name in names:
            FixedRouter.add(self, AgentProfile(name, "1", name, (name,)))

    def add(self, profile: AgentProfile) -> None:
        """Learn nothing."""

    def remove(self, name: str) -> None:
        """Forget nothing."""

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Pass over vetoed agents, or do not."""
        return super().predict(text, vetoes if self.obeys else EMPTY)

    def explain(self, text: str, agent: str) -> tuple[Contribution, ...]:
        """Explain nothing."""
        return ()


@pytest.mark.parametrize(("obeys", "status"), [(True, "abstained"), (False, "failed")])
@in_virtual_time
async def test_a_router_that_names_an_agent_nobody_registered_is_asked_without_it(*, obeys: bool, status: str) -> None:
    """It is never asked for ever: the unknown agent is vetoed, and a router that insists fails the task."""
    async with make([ScriptedAgent("a")], router=Static("ghost", obeys=obeys)) as o:
        result = await (await o.submit("ghost please", id="t")).result()
    assert result.status == status
    if obeys:
        assert about(o, "t")[1].body["decision"]["vetoes"] == {"ghost": "not registered"}
    else:
        assert result.error == "the router insists on agent 'ghost', which is not registered"


@in_virtual_time
async def test_an_agent_unregistered_while_its_task_is_on_the_way_gets_nothing() -> None:
    """Between decision and command the publisher may wait: then it is decided again."""
    async with make([ScriptedAgent("a"), ScriptedAgent("b", ["mine"])]) as o:
        slow = o.bus.subscribe("task.routed", maxsize=1)
        first = await o.submit("a first")
        await first.result()
        second = await o.submit("a or b", id="t")
        await until_blocked()  # the dispatcher waits: the bystander's queue is full
        await o.unregister("a")
        await slow.receive()
        await slow.receive()
        assert (await second.result()).agent == "b"
    assert [e.body["decision"]["chosen"] for e in about(o, "t") if e.topic == "task.routed"] == ["a", "b"]


@in_virtual_time
async def test_a_broken_router_stops_the_run_with_its_own_error() -> None:
    """A defect is not turned into thousands of failed tasks."""

    class Broken(FixedRouter):
        def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
            raise ZeroDivisionError("in the router")

    with pytest.raises(ZeroDivisionError, match="in the router"):
        async with make([ScriptedAgent("a")], router=Broken()) as o:
            await (await o.submit("a")).result()


@in_virtual_time
async def test_an_unlocked_task_says_by_whom() -> None:
    """`task.unlocked` names the last dependency that ended, and is the cause of the decision."""
    async with make([ScriptedAgent("a")]) as o:
        await o.run(Plan("p", (Task("x", "a"), Task("y", "a", after=("x",)))))
    unlocked, routed = about(o, "y")[1:3]
    assert (unlocked.topic, unlocked.body) == ("task.unlocked", {"by": "x"})
    assert unlocked.causation_id == about(o, "x")[-1].id
    assert (routed.topic, routed.causation_id) == ("task.routed", unlocked.id)


@in_virtual_time
async def test_the_end_of_a_skipped_task_is_caused_by_the_end_that_led_to_it() -> None:
    """`task.skipped` follows from the failure that it inherits."""
    policy = Policy(retry=Retry(max_attempts=1))
    async with make([ScriptedAgent("a", [ValueError("no")], policy=policy)]) as o:
        await o.run(Plan("p", (Task("x", "a"), Task("y", "a", after=("x",), on_failure="skip"))))
    skipped = about(o, "y")[-1]
    assert (skipped.topic, skipped.causation_id) == ("task.skipped", about(o, "x")[-1].id)


# --- no barrier -------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_a_slow_sibling_delays_no_unrelated_branch() -> None:
    """langgraph#6320: a -> (slow, b), b -> c -> d; d is done long before slow is."""

    async def work(task: Task, context: Any) -> None:
        await asyncio.sleep(task.payload["takes_s"])

    async with make([ScriptedAgent("w", [work])]) as o:
        ends: dict[str, float] = {}
        subscription = o.bus.subscribe("task.completed")
        shape = {"a": (), "slow": ("a",), "b": ("a",), "c": ("b",), "d": ("c",), "join": ("slow", "d")}
        takes = {"slow": 50.0}
        tasks = [Task(name, "w", {"takes_s": takes.get(name, 1.0)}, after) for name, after in shape.items()]
        await o.submit_plan(Plan("p", tuple(tasks)))
        for _ in tasks:
            envelope = await subscription.receive()
            ends[envelope.correlation_id] = round(now(), 6)
            subscription.done()
    assert ends == {"a": 1, "b": 2, "c": 3, "d": 4, "slow": 51, "join": 52}


@st.composite
def layered(draw: st.DrawFn) -> tuple[list[Task], int]:
    """Draw a layered graph whose estimates are true, and a number of workers."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    tasks: list[Task] = []
    before: list[str] = []
    for layer in range(rng.randint(2, 6)):
        names = [f"{layer}-{n}" for n in range(rng.randint(1, 8))]
        for name in names:
            after = tuple(rng.sample(before, rng.randint(1, min(3, len(before))))) if before else ()
            tasks.append(Task(name, "w", after=after, estimate_s=float(rng.randint(1, 9))))
        before = names
    return tasks, rng.randint(1, 5)


def list_schedule(tasks: list[Task], workers: int) -> tuple[float, float]:
    """Schedule naively by critical path; return the makespan and the lower bound that no schedule can beat."""
    by_name = {task.id: task for task in tasks}
    successors: dict[str, list[str]] = {task.id: [] for task in tasks}
    for task in tasks:
        for name in task.after:
            successors[name].append(task.id)

    def urgency(name: str) -> float:
        return by_name[name].estimate_s + max((urgency(later) for later in successors[name]), default=0.0)

    priority = {name: urgency(name) for name in by_name}
    waits = {task.id: len(task.after) for task in tasks}
    ready = [name for name, count in waits.items() if not count]
    running: list[tuple[float, str]] = []
    time = 0.0
    while ready or running:
        while ready and len(running) < workers:
            name = max(ready, key=lambda name: priority[name])
            ready.remove(name)
            running.append((time + by_name[name].estimate_s, name))
        time = min(running)[0]
        for end in [entry for entry in running if entry[0] == time]:
            running.remove(end)
            for later in successors[end[1]]:
                waits[later] -= 1
                if not waits[later]:
                    ready.append(later)
    return time, max(*priority.values(), sum(task.estimate_s for task in tasks) / workers)


@hypothesis_settings(max_examples=60)
@given(layered())
def test_the_makespan_is_that_of_list_scheduling_by_critical_path(drawn: tuple[list[Task], int]) -> None:
    """Within 5 % of a naive list scheduler of equal priorities, never below the bound of work and path."""
    tasks, workers = drawn

    async def work(task: Task, context: Any) -> None:
        await asyncio.sleep(task.estimate_s)

    async def main() -> float:
        policy = Policy(concurrency=workers, timeout_s=1000)
        async with make([ScriptedAgent("w", [work], policy=policy)], drain_s=10_000) as o:
            await o.run(Plan("p", tuple(tasks)))
            return round(now(), 6)

    makespan = run_virtual(main())
    expected, bound = list_schedule(tasks, workers)
    assert bound <= makespan + 1e-6
    assert makespan <= 1.05 * expected


@in_virtual_time
async def test_a_backlog_of_one_agent_holds_up_no_other_agent() -> None:
    """A hundred tasks wait for one slow worker; another agent's task is done at once."""
    slow = ScriptedAgent("slow", takes_s=10, policy=Policy(concurrency=1, breaker=Breaker(failures=1)))
    async with make([slow, ScriptedAgent("quick")], drain_s=0) as o:
        for _ in range(100):
            await o.submit("slow")
        await (await o.submit("quick")).result()
        assert now() == 0
        assert o.statistics().agents == {"slow": 100, "quick": 0}


@in_virtual_time
async def test_a_stopped_run_takes_no_decisions() -> None:
    """Whoever still holds the orchestrator is told that it does not run."""
    o = make([ScriptedAgent("a")])
    with pytest.raises(PointsmanError, match="not running"):
        await o.submit("a")
    async with o:
        pass
    for call in (o.submit("a"), o.register(ScriptedAgent("b")), o.unregister("a"), o.idle()):
        with pytest.raises(PointsmanError, match="not running"):
            await call


@in_virtual_time
async def test_an_ending_published_by_hand_for_no_task_of_the_run_changes_nothing() -> None:
    """It is on record, and the run goes on."""
    async with make([ScriptedAgent("a", ["done"])]) as o:
        await o.bus.publish("task.completed", {"output": 1}, "nobody")
        assert (await (await o.submit("a please", id="t")).result()).ok
    assert [envelope.topic for envelope in about(o, "nobody")] == ["task.completed"]


@in_virtual_time
async def test_what_took_how_long_stands_beside_the_decision() -> None:
    """Seconds of predicting, explaining and recording are measured, and never part of the canonical row."""
    async with make([ScriptedAgent("a", ["done"])]) as o:
        await (await o.submit("a please", id="t")).result()
    (routed,) = (envelope for envelope in about(o, "t") if envelope.topic == "task.routed")
    assert routed.measured is not None
    assert set(routed.measured) == {"predict_s", "explain_s", "record_s", "route_s"}
    assert routed.measured["route_s"] >= routed.measured["predict_s"] >= 0
    assert "_s" not in str(sorted(routed.body["decision"]))


# --- exploration ------------------------------------------------------------------------------------------------------


class Unsure(FixedRouter):
    """A router that prefers the first agent it knows, 0.6 to 0.3, whatever the text."""

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Lead with the first of those that are not vetoed."""
        names = tuple(self._profiles)
        first, second = [name for name in names if name not in vetoes][:2]
        scores = np.array([{first: 1.0, second: 0.5}.get(name, -5.0) for name in names], dtype=np.float32)
        board = Scoreboard(names, tuple("1" for _ in names), scores, dict(vetoes))
        return Prediction(first, first, second, 0.5, 0.6, 0.5, self.fingerprint, board, None, 0.3)


def explored(seed: int, share: float, tasks: int = 200, router: FixedRouter | None = None) -> tuple[bytes, list[Any]]:
    """Return the journal of a run that explores, and its decisions."""
    journal = MemoryJournal("r")

    async def main() -> None:
        agents = [ScriptedAgent("a"), ScriptedAgent("b")]
        async with make(agents, journal, router=router or Unsure(), explore=share, seed=seed) as o:
            for number in range(tasks):
                await o.submit("who", id=f"t{number}")

    run_virtual(main())
    return journal.export(), [row.envelope.body["decision"] for row in journal.select(topics=("task.routed",))]


def test_exploration_tries_another_agent_at_its_share_and_says_how_likely_that_was() -> None:
    """True propensities, of the one tried and of the leader; the router's own choice stays on record beside it."""
    _, decisions = explored(3, 0.25)
    tried = [one for one in decisions if one["policy"] == "explored"]
    kept = [one for one in decisions if one["policy"] == "learned"]
    assert len(tried) + len(kept) == 200
    assert 25 <= len(tried) <= 75
    assert {(one["chosen"], one["choice"], one["propensity"]) for one in tried} == {("b", "a", 0.25)}
    assert {(one["chosen"], one["choice"], one["propensity"]) for one in kept} == {("a", "a", 0.75)}


def test_the_same_seed_explores_the_same() -> None:
    """Byte for byte; another seed tries others."""
    assert explored(3, 0.25)[0] == explored(3, 0.25)[0]
    other = [[one["chosen"] for one in explored(seed, 0.25)[1]] for seed in (3, 4)]
    assert other[0] != other[1]


def test_without_exploration_the_leader_is_taken_for_sure() -> None:
    """Off by default: the leader, with propensity 1."""
    _, decisions = explored(3, 0.0)
    assert {(one["chosen"], one["policy"], one["propensity"]) for one in decisions} == {("a", "learned", 1.0)}


def test_only_registered_agents_are_tried() -> None:
    """A router may know agents that the run does not; they are vetoed, on record, and get nothing."""
    router = Unsure()
    for name in ("x", "y"):
        router.add(AgentProfile(name, "1", name, (name,)))
    _, decisions = explored(3, 0.25, router=router)
    assert {one["chosen"] for one in decisions} == {"a", "b"}
    assert all(one["vetoes"] == {"x": "not registered", "y": "not registered"} for one in decisions)


@in_virtual_time
async def test_what_the_router_abstains_on_is_not_explored() -> None:
    """A refusal stands, however large the share."""
    async with make([ScriptedAgent("a"), ScriptedAgent("b")], explore=0.9) as o:
        assert (await (await o.submit("something else", id="t")).result()).status == "abstained"
    (decision,) = [row.body["decision"] for row in about(o, "t") if "decision" in row.body]
    assert (decision["policy"], decision["propensity"]) == ("learned", 1.0)
