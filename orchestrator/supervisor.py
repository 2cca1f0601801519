"""The supervisor: one runner per agent, started and drained as agents come and go."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping

from orchestrator.agent import Agent
from orchestrator.bus import SubscriptionStatistics
from orchestrator.errors import DuplicateAgentError
from orchestrator.handling import Surroundings
from orchestrator.isolation import refuse_lost
from orchestrator.messages import EMPTY
from orchestrator.policy import Policy
from orchestrator.progress import Failures
from orchestrator.runner import AgentRunner


class Supervisor:
    """Keeps a runner for every registered agent."""

    def __init__(self, surroundings: Surroundings, default: Policy, group: asyncio.TaskGroup) -> None:
        self._surroundings, self._default, self._group = surroundings, default, group
        self._runners: dict[str, AgentRunner] = {}
        group.create_task(surroundings.alarm.watch(), name="alarm")
        self._tripped: set[str] = set()

    def refuse(self, agent: Agent) -> None:
        """Refuse an agent that cannot be started here.

        Raises:
            DuplicateAgentError: if a former owner of its name still finishes what it has: both would hear the same
                commands.
            CardError: if its policy wants it in a process of its own, and it would not be found there.
        """
        if agent.card.name in self._runners:
            raise DuplicateAgentError(agent.card.name, leaving=True)
        refuse_lost(agent, self.policy_of(agent))

    def policy_of(self, agent: Agent) -> Policy:
        """Return how an agent's tasks are run that state nothing themselves: its card over the settings."""
        return self._default.overridden_by(agent.card.policy)

    def start(self, agent: Agent) -> Policy:
        """Give an agent its mailbox and workers; return how it is run."""
        policy = self.policy_of(agent)
        runner = AgentRunner(agent, policy, self._surroundings)
        self._surroundings.spending.limit_agent(runner.name, policy.budget)
        runner.breaker.on_trip = functools.partial(self._note_trip, runner.name)
        self._runners[runner.name] = runner
        runner.start(self._group)
        return policy

    async def retire(self, name: str, grace_s: float) -> int:
        """Let an agent finish what it has been given, then stop it; return how many tasks were left at the deadline.

        Those are dead letters: their agent is gone.
        """
        runner = self._runners[name]
        try:
            async with asyncio.timeout(grace_s):
                await runner.drain()
        except TimeoutError:
            pass
        left = await runner.abandon()
        del self._runners[name]
        self._tripped.discard(name)
        return left

    def vetoes(self) -> Mapping[str, str]:
        """Return the agents that should get nothing new at present, and why."""
        spent = self._surroundings.spending.vetoed
        if not self._tripped and not spent:  # asked for every decision: it costs nothing, however many agents
            return EMPTY
        names = sorted(self._runners.keys() & {*self._tripped, *spent})
        found = {name: f"budget: {spent[name].figures}" if name in spent else self._why_not(name) for name in names}
        return {name: why for name, why in found.items() if why} or EMPTY

    def _why_not(self, name: str) -> str:
        return self._runners[name].breaker.why_not()

    def _note_trip(self, name: str, tripped: bool) -> None:  # noqa: FBT001 - the breaker's event
        (self._tripped.add if tripped else self._tripped.discard)(name)

    def restore(self, breakers: Mapping[str, Failures], now: float) -> None:
        """Let breakers remember failures from before a crash; `now` is in seconds since the epoch, as they are."""
        for name, failures in breakers.items():
            if name in self._runners:
                self._runners[name].breaker.restore(failures.in_a_row, now - failures.last_at)

    async def pause(self) -> None:
        """Begin no further attempt of any agent; return when those begun are over."""
        for runner in self._runners.values():
            runner.hold()
        for runner in self._runners.values():
            await runner.attempts_over()

    def in_flight(self) -> list[str]:
        """Return the tasks whose attempt has begun and whose handler has not answered, by agent."""
        return [task_id for runner in self._runners.values() for task_id in runner.in_flight()]

    def stop(self) -> None:
        """Cancel all workers."""
        self._surroundings.alarm.close()
        for runner in self._runners.values():
            runner.stop()

    def statistics(self) -> dict[str, SubscriptionStatistics]:
        """Return the counts of every mailbox by agent."""
        return {name: runner.statistics() for name, runner in self._runners.items()}
