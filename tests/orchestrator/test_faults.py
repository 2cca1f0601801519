import contextlib
import gc
import io
import os
from collections import Counter
from importlib.metadata import EntryPoint
from typing import Final

import pytest

from orchestrator.clock import VirtualClock
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError
from orchestrator.journal import MemoryJournal
from orchestrator.logs import make_logger
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Breaker, Policy, Retry
from orchestrator.runner import AgentRunner
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import InjectedError, Moment, Point, counted, functions_of, run_with

COMPONENTS: Final = (
    "orchestrator.agent",
    "orchestrator.breaker",
    "orchestrator.bus.buffer",
    "orchestrator.bus.memory",
    "orchestrator.bus.subscription",
    "orchestrator.clock",
    "orchestrator.critical_path",
    "orchestrator.dead_letters",
    "orchestrator.deadlines",
    "orchestrator.dependencies",
    "orchestrator.departure",
    "orchestrator.desk",
    "orchestrator.dispatcher",
    "orchestrator.effects",
    "orchestrator.endings",
    "orchestrator.enrolment",
    "orchestrator.graph",
    "orchestrator.handling",
    "orchestrator.journal.memory",
    "orchestrator.journal.rows",
    "orchestrator.logs",
    "orchestrator.orchestrator",
    "orchestrator.parts",
    "orchestrator.plugins",
    "orchestrator.registry",
    "orchestrator.router_of_run",
    "orchestrator.runner",
    "orchestrator.statistics",
    "orchestrator.supervisor",
    "orchestrator.testing",
    "orchestrator.topics",
)
#: Parts of the scenario and of its measurement, not of the run.
NOT_OURS: Final = ("testing.Scripted", "testing.in_virtual_time", "testing.until_blocked", "clock.run_virtual")
#: The event loop itself, and what guards the loop from a log that cannot be written: what it guards is `_write`.
NOT_OURS_EITHER: Final = ("clock._Jumping", "clock.VirtualTimeLoop", "logs._Lines._try_to_write")
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 7
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")
FUNCTIONS: Final = {
    name: function
    for name, function in functions_of(COMPONENTS).items()
    if not name.startswith((*NOT_OURS, *NOT_OURS_EITHER))
}
POLICY: Final = Policy(
    concurrency=1, timeout_s=5, retry=Retry(max_attempts=2, jitter=0), breaker=Breaker(failures=2, cooldown_s=3)
)


async def _adds(task: Task, context: TaskContext) -> str:
    if task.id == "adds":
        context.add_task("steady", id="added")
        await context.effect("note", str)
    return "added"


def _agents() -> list[ScriptedAgent]:
    return [
        ScriptedAgent("steady", [_adds], takes_s=0.5, policy=POLICY),
        ScriptedAgent("flaky", [ValueError("once"), "ok"], policy=POLICY),
        ScriptedAgent("sour", [ValueError("always")], policy=POLICY),
        ScriptedAgent("slow", ["late"], takes_s=60, policy=POLICY),
        ScriptedAgent("hopeless", [AgentError("no")], policy=POLICY),
    ]


PLAN: Final = Plan(
    "everything",
    (
        Task("adds", "steady"),
        Task("flaky", "flaky", after=("adds",)),
        Task("sour", "sour"),
        Task("slow", "slow", on_failure="skip"),
        Task("hopeless", "hopeless"),
        Task("heir", "steady", after=("hopeless",)),
        Task("skipped", "steady", after=("sour",), on_failure="skip"),
        Task("nobody", "xyz"),
        Task("one", "steady"),
        Task("two", "steady"),
        Task("last", "steady", {"of": {"$result": "adds"}}, after=("adds", "slow"), on_failure="continue"),
    ),
)


class _Broken:
    """An entry point that gives no agent."""


async def scenario(told: list[str]) -> None:
    """Let happen, in one run, all that a run knows; note every error and every ending that says why."""
    journal = MemoryJournal("r")
    loud = Settings(drain_s=10, capacity=50)
    try:
        async with Orchestrator(
            loud,
            router=FixedRouter(),
            journal=journal,
            clock=VirtualClock(),
            run="r",
            logger=make_logger("json", io.StringIO(), now=VirtualClock().now),
        ) as o:
            tickets = await o.submit_plan(PLAN)
            later = ScriptedAgent("later", ["x"], takes_s=60, policy=POLICY.model_copy(update={"timeout_s": 200}))
            await o.register(later)
            for name in ("later", "latest"):
                tickets[name] = await o.submit("later", id=name, agent="later")
            await o.unregister("later")
            o.statistics()
            for ticket in tickets.values():
                result = await ticket.result()
                told.append(f"{result.task_id} {result.status} {result.error}")
            await o.idle()
    finally:
        told += [str(row.envelope.body) for row in journal.rows]


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents come by entry point; one of them is broken."""
    points = [EntryPoint(agent.card.name, f"{__name__}:AGENTS[{at}]", "x") for at, agent in enumerate(_agents())]
    fresh = {point.name: agent for point, agent in zip(points, _agents(), strict=True)}
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda **_: [*points, EntryPoint("broken", "no_such:x", "x")]
    )
    real = EntryPoint.load
    monkeypatch.setattr(EntryPoint, "load", lambda self: fresh[self.name] if self.name in fresh else real(self))


def _calls_of_all() -> Counter[str]:
    """Return how often each function is called in a run in which nothing is injected."""
    with counted(FUNCTIONS, None) as calls:
        seen = run_with(scenario, calls)
    assert not seen.wrong()
    return calls


def _points() -> list[Point]:
    """Return where to inject: with FAULTS=all, before and after the first and a middle call of every function."""
    calls = _calls_of_all()
    every = [
        Point(name, number, moment)
        for name in sorted(FUNCTIONS)
        if calls[name]
        for number in sorted({1, (calls[name] + 1) // 2})
        for moment in MOMENTS
    ]
    return every if os.environ.get("FAULTS") == "all" else every[::SOME]


def test_every_fault_ends_as_a_failed_task_or_a_reported_error() -> None:
    """None of them hangs the run, none is left unheard, whatever function of whatever component raises."""
    gc.collect()
    gc.freeze()  # what is here already is looked through after each of hundreds of runs
    try:
        found = {}
        for point in _points():
            with counted(FUNCTIONS, point) as calls:
                wrong = run_with(scenario, calls).wrong()
            if wrong:
                found[point] = wrong
    finally:
        gc.unfreeze()
    assert not found


def test_a_swallowed_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness can fail: workers that die in silence leave tasks that never end."""
    real = AgentRunner._work_on

    async def quiet(self: AgentRunner) -> None:
        with contextlib.suppress(InjectedError):
            await real(self)

    monkeypatch.setattr(AgentRunner, "_work_on", quiet)
    point = Point("breaker.CircuitBreaker.admit", 1, "before")
    others = {name: found for name, found in FUNCTIONS.items() if name != "runner.AgentRunner._work_on"}
    with counted(others, point) as calls:
        seen = run_with(scenario, calls)
    assert calls["injected"] == 1
    assert seen.wrong()
