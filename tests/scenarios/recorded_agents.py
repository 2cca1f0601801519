"""Agents that read from a world that a test makes, and how they are recorded and replayed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.agent import Agent, AgentCard, adopt
from orchestrator.context import TaskContext
from orchestrator.journal import JournalReader
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.policy import Policy
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from scenarios.cassette import Cassette, load_cassette
from scenarios.recording import Recorded, record
from scenarios.replayed import Replayed, replay

Handle = Callable[[Task, TaskContext], Any]


class World:
    """Says a number that nobody knows before, each time after a pause of its own; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._pauses = itertools.cycle((0.004, 0.0, 0.002, 0.001, 0.003))

    async def ask(self) -> int:
        """Return the next number."""
        self.asked += 1
        said = self.asked
        await asyncio.sleep(next(self._pauses))
        return said


class Reader:
    """An agent of a test."""

    def __init__(self, name: str, handle: Handle, policy: Policy | None = None) -> None:
        self.card = AgentCard(name=name, summary=f"plays {name}", examples=(f"ask {name}",), policy=policy)
        self._handle = handle

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Do as the test says."""
        return await self._handle(task, context)


def plan_for(agents: Sequence[Agent]) -> Plan:
    """Return a plan with one task for each agent."""
    return Plan("readers", tuple(Task(f"task-{one.card.name}", "ask", agent=one.card.name) for one in agents))


class Studio:
    """Records in a folder, and replays from there."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(journal=folder / "journal.db", log_format="off", durability="os-crash-may-lose")

    def record(self, agents: Sequence[Any], plan: Plan | None = None, **more: Any) -> Recorded:
        """Record a plan, or one task for each agent."""
        adopted = [adopt(one) for one in agents]
        return record(plan or plan_for(adopted), self.settings, agents=adopted, router=FixedRouter(), **more)

    def rows(self, recorded: Recorded) -> bytes:
        """Return the recorded rows as JSON Lines."""
        with JournalReader(self.settings.journal) as reader:
            return b"".join(bytes(row.canonical) + b"\n" for row in reader.rows(run=recorded.run))

    def replay(self, recorded: Recorded, agents: Sequence[Any], cassette: Cassette | None = None) -> Replayed:
        """Replay what was recorded."""
        tape = cassette or load_cassette(recorded.cassette)
        return replay(tape, agents=[adopt(one) for one in agents], router=FixedRouter())
