"""The prompter: an agent whose answers to some tasks are replaced in part, as a fork asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.agent import Agent, FunctionAgent
from orchestrator.context import TaskContext
from orchestrator.foreign import as_json
from orchestrator.messages import Task
from scenarios.cassette import Override
from scenarios.pointers import put


class Prompted:
    """An agent that is told what to say; it counts as the same code."""

    def __init__(self, agent: Agent, overrides: Sequence[Override]) -> None:
        self.card = agent.card

        async def handle(task: Task, context: TaskContext) -> Any:
            output = as_json(await agent.handle(task, context))
            for one in overrides:
                if one.task == task.id:
                    output = put(output, one.pointer, one.value)
            return output

        handle.__wrapped__ = agent.origin if isinstance(agent, FunctionAgent) else agent.handle  # type: ignore[attr-defined]
        self.handle = handle


def prompted(agents: Iterable[Agent], overrides: Sequence[Override]) -> list[Agent]:
    """Return the agents, told what to say where that is asked for."""
    return [Prompted(agent, overrides) for agent in agents] if overrides else list(agents)
