import gc
import os
from typing import Final

from orchestrator.budget import Budget
from orchestrator.clock import VirtualClock
from orchestrator.context import TaskContext
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import Moment, Point, counted, functions_of, run_with

COMPONENTS: Final = (
    "orchestrator.budget",
    "orchestrator.cut_off",
    "orchestrator.endings",
    "orchestrator.errands",
    "orchestrator.ledger",
    "orchestrator.refusing",
    "orchestrator.spending",
)
FUNCTIONS: Final = functions_of(COMPONENTS)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 5
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")
POLICY: Final = Policy(concurrency=2, timeout_s=90, retry=Retry(max_attempts=2, jitter=0), budget=Budget(attempts=4))


async def _spends(task: Task, context: TaskContext) -> str:
    await context.spend(tokens=10, cost="0.5")
    if task.id == "adds":
        context.add_task("spender", budget=Budget(tokens=5))
    context.spend(tokens=1)
    return "spent"


PLAN: Final = Plan(
    "spends",
    (
        Task("adds", "spender", budget=Budget(tokens=100)),
        *(Task(f"s{number}", "spender") for number in range(4)),
        Task("slow", "slow"),
        Task("heir", "slow", after=("slow",), on_failure="continue"),
    ),
    budget=Budget(wall_s=30),
)


async def scenario(told: list[str]) -> None:
    """Let every budget be used up, and note every error and every ending that says why."""
    journal = MemoryJournal("r")
    agents = [
        ScriptedAgent("spender", [_spends], takes_s=1, policy=POLICY),
        ScriptedAgent("slow", ["late"], takes_s=60, policy=POLICY),
        ScriptedAgent("other", [_spends], policy=POLICY),
    ]
    made = Orchestrator(
        Settings(log_format="off", drain_s=10, capacity=50),
        agents=agents,
        router=FixedRouter(),
        journal=journal,
        clock=VirtualClock(),
        run="r",
        budget=Budget(tokens=1000),
    )
    try:
        async with made as o:
            for ticket in (await o.submit_plan(PLAN)).values():
                result = await ticket.result()
                told.append(f"{result.task_id} {result.status} {result.error}")
            await o.idle()
            o.statistics()
    finally:
        told += [str(row.envelope.body) for row in journal.rows]


def test_every_fault_in_the_counting_ends_as_a_failed_task_or_a_reported_error() -> None:
    """None of them hangs the run, none is left unheard."""
    with counted(FUNCTIONS, None) as calls:
        seen = run_with(scenario, calls)
    assert not seen.wrong()
    points = [Point(name, (calls[name] + 1) // 2, moment) for name in FUNCTIONS if calls[name] for moment in MOMENTS]
    assert len(points) > 60, "the scenario comes by most of what counts"
    gc.collect()
    gc.freeze()  # what is here already is looked through after each run
    try:
        found = {}
        for point in points if os.environ.get("FAULTS") == "all" else points[::SOME]:
            with counted(FUNCTIONS, point) as calls:
                wrong = run_with(scenario, calls).wrong()
            if wrong:
                found[point] = wrong
    finally:
        gc.unfreeze()
    assert not found
