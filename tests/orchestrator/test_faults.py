import contextlib
import io
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
from tests.orchestrator.faults import InjectedError, Point, counted, functions_of, run_with, wrong_at

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
#: Parts of the scenario and of its measurement, not of the run; the event loop itself; and what guards the loop from a
#: log that cannot be written (what it guards, `_write`, is tried).
NOT_OURS: Final = (
    "clock.VirtualTimeLoop",
    "clock._Jumping",
    "clock.run_virtual",
    "logs._Lines._try_to_write",
    "testing.Scripted",
    "testing.in_virtual_time",
    "testing.until_blocked",
)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 17
FUNCTIONS: Final = functions_of(COMPONENTS, NOT_OURS)
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


async def scenario(told: list[str]) -> None:
    """Let happen, in one run, all that a run knows; note every error and every ending that says why."""
    journal = MemoryJournal("r")
    settings = Settings(drain_s=10, capacity=50)
    clock = VirtualClock()
    logger = make_logger("json", io.StringIO(), now=clock.now)
    try:
        async with Orchestrator(
            settings, router=FixedRouter(), journal=journal, clock=clock, run="r", logger=logger
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
    """Agents come by entry point, new ones for each run, for they count; one of them is broken."""
    names = [agent.card.name for agent in _agents()]
    points = [EntryPoint(name, f"{__name__}:{name}", "x") for name in (*names, "broken")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: points)
    monkeypatch.setattr(EntryPoint, "load", lambda point: _agents()[names.index(point.name)])


def test_every_fault_ends_as_a_failed_task_or_a_reported_error() -> None:
    """None of them hangs the run, none is left unheard, whatever function of whatever component raises."""
    assert not wrong_at(FUNCTIONS, scenario, SOME)


def test_a_swallowed_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness can fail: workers that die in silence leave tasks that never end."""
    real = AgentRunner._work_on

    async def quiet(self: AgentRunner) -> None:
        with contextlib.suppress(InjectedError):
            await real(self)

    monkeypatch.setattr(AgentRunner, "_work_on", quiet)
    point = Point("runner.AgentRunner._take", 1, "before")
    others = {name: found for name, found in FUNCTIONS.items() if name != "runner.AgentRunner._work_on"}
    with counted(others, point) as calls:
        seen = run_with(scenario, calls)
    assert calls["injected"] == 1
    assert seen.wrong()
