"""Cast: the agents of one scenario: those that play a script, and installed ones, with the policies that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from orchestrator.agent import Agent, AgentCard
from orchestrator.context import TaskContext
from orchestrator.documents import suggest
from orchestrator.errors import AgentError, PointsmanError, UnknownAgentError
from orchestrator.messages import Task
from orchestrator.policy import Policy
from orchestrator.stand_in import Die, Handle
from scenarios.given import Given, ScriptedAgent


class ScriptedError(PointsmanError):
    """Raised by a scripted agent whose behaviour says `fails`; the attempt may be repeated."""


class Actor:
    """Plays a script. What it does depends on the script and the number of the attempt alone."""

    def __init__(self, script: ScriptedAgent) -> None:
        self.card = AgentCard(name=script.agent, summary=script.summary, examples=script.examples, policy=script.policy)
        self._behaviour = script.behaviour

    async def handle(self, task: Task, context: TaskContext) -> Any:  # noqa: ARG002 - the contract of an agent
        """Take time, ask, fail, add tasks, return: whatever of these the script says.

        Raises:
            AgentError: if the script says `raises`.
            ScriptedError: if the script says `fails` for this attempt.
        """
        behaviour = self._behaviour
        await asyncio.sleep(behaviour.takes_s)
        returns = behaviour.returns
        if behaviour.asks is not None:
            answer = await context.ask(behaviour.asks.question, behaviour.asks.options)
            returns = returns if "returns" in behaviour.model_fields_set else answer
        if behaviour.raises:
            raise AgentError(behaviour.raises)
        if behaviour.fails and (behaviour.times is None or context.attempt <= behaviour.times):
            raise ScriptedError(behaviour.fails)
        for added in behaviour.adds_tasks:
            context.add_task(
                added.request,
                id=added.id,
                payload=added.payload,
                after=added.after,
                agent=added.agent,
                on_failure=added.on_failure or "fail",
                estimate_s=added.estimate_s,
                policy=added.policy,
            )
        return returns


class Understudy:
    """An installed agent under another policy."""

    def __init__(self, agent: Agent, policy: Policy) -> None:
        self.card = agent.card.model_copy(update={"policy": policy})
        self.stands_for = agent

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Do what the agent does."""
        return await self.stands_for.handle(task, context)

    def around(self, handle: Handle, die: Die) -> Handle:  # noqa: ARG002 - a stand-in's
        """Do what the agent does, in its process."""
        return handle


def choose_agents(given: Given, installed: Iterable[Agent]) -> list[Agent]:
    """Return the agents of a scenario, in the order of their names.

    Raises:
        UnknownAgentError: if it names one that is neither installed nor scripted.
    """
    stock = {agent.card.name: agent for agent in installed}
    wanted = list(stock) if given.all_agents else list(given.agents)
    for name in wanted:
        if name not in stock:
            raise UnknownAgentError(name, suggest(name, stock))
    cast: dict[str, Agent] = {name: stock[name] for name in wanted}
    cast |= {script.agent: Actor(script) for script in given.scripted}
    for name, policy in given.policy.items():
        if name not in cast:
            raise UnknownAgentError(name, suggest(name, cast))
        cast[name] = Understudy(cast[name], policy)
    if given.fallback and given.fallback not in cast:
        raise UnknownAgentError(given.fallback, suggest(given.fallback, cast))
    return [cast[name] for name in sorted(cast)]
