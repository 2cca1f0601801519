import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from tests.orchestrator import failing_child
from tests.orchestrator.faults import MOMENTS, TEXT, Point, run_with

#: `make faults` tries all points; `make test` every so many-th, and lets one task do what there is to do: each costs
#: the start of processes.
ALL: Final = os.environ.get("FAULTS") == "all"
SOME: Final = 67
DEEDS: Final = ("all", "fails", "gives-up", "much", "odd") if ALL else ("all",)
#: Begun before anything of the agent's is imported: nothing can be injected into them from within.
BEGUN_BEFORE: Final = ("isolation_child.main", "isolation_child._listen")
POINTS: Final = [
    Point(name, 1, moment)
    for name in failing_child.FUNCTIONS
    if not name.startswith(BEGUN_BEFORE)
    for moment in MOMENTS
]
#: What a run says of a process that is gone.
GONE: Final = "the handler's process"


async def scenario(told: list[str]) -> None:
    """Let handlers in processes of their own do all that they may, and end in all ways."""
    journal, settings = MemoryJournal("r"), Settings(log_format="off", drain_s=0)
    agents = [failing_child.worker, failing_child.plain_worker]
    try:
        async with Orchestrator(settings, agents=agents, router=FixedRouter(), journal=journal, run="r") as o:
            tickets = [await o.submit("x", agent="worker", id=deed, payload={"deed": deed}) for deed in DEEDS]
            if ALL:
                tickets.append(await o.submit("x", agent="plain-worker", id="plain", payload={}))
            asks = tickets[0]._outcome
            while not o._parts.questions.open and not asks.done():  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.005)
            if not asks.done():
                await o.answer("all", "yes")
            for ticket in tickets:
                result = await ticket.result()
                told.append(f"{result.task_id} {result.status} {result.error}")
    finally:
        told += [str(row.envelope.body) for row in journal.rows]


def test_every_fault_within_a_handlers_process_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what it raised, or as a process that ended, or gave no answer in time; and nothing hangs."""
    wrong, touched = dict[Point, str](), 0
    chosen = POINTS if ALL else POINTS[::SOME]
    for at, point in enumerate(chosen):
        file = tmp_path / str(at)
        fault = f"{point.function}|{point.number}|{point.moment}|{file}"
        monkeypatch.setenv(failing_child.VARIABLE, fault)
        seen = run_with(scenario, Counter(), virtual=False)
        touched += file.exists()
        problem = seen.wrong()
        if not problem and file.exists() and not any(TEXT in it or GONE in it for it in seen.reports):
            problem = f"nobody was told: {seen.reports}"
        if problem:
            wrong[point] = problem
    assert not wrong
    assert touched >= len(chosen) // 2
