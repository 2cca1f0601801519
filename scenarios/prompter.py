"""The prompter: an agent whose answers to some tasks are replaced in part, as a fork asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.agent import Agent, FunctionAgent
from orchestrator.context import TaskContext
from orchestrator.foreign import as_json
from orchestrator.messages import Task
from orchestrator.stand_in import Die, Handle
from scenarios.cassette import Override
from scenarios.pointers import put


class Prompted:
    """An agent that is told what to say; it counts as the same code."""

    def __init__(self, agent: Agent, overrides: Sequence[Override]) -> None:
        self.card, self.stands_for, self._overrides = agent.card, agent, overrides
        handle = self._told(agent.handle)
        handle.__wrapped__ = agent.origin if isinstance(agent, FunctionAgent) else agent.handle  # type: ignore[attr-defined]
        self.handle = handle

    def around(self, handle: Handle, die: Die) -> Handle:  # noqa: ARG002 - a stand-in's
        """Let the handler work in its process, and say what it is told."""
        return self._told(handle)

    def _told(self, work: Handle) -> Handle:
        async def handle(task: Task, context: TaskContext) -> Any:
            output = as_json(await work(task, context))
            for one in self._overrides:
                if one.task == task.id:
                    output = put(output, one.pointer, one.value)
            return output

        return handle


def prompted(agents: Iterable[Agent], overrides: Sequence[Override]) -> list[Agent]:
    """Return the agents, told what to say where that is asked for."""
    return [Prompted(agent, overrides) for agent in agents] if overrides else list(agents)
