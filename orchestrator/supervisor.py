"""The supervisor: one runner per agent, started and drained as agents come and go."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

from orchestrator.agent import Agent
from orchestrator.bus import SubscriptionStatistics
from orchestrator.causes import Cause
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
        self._line: list[str] = []  # who comes after whom
        group.create_task(surroundings.alarm.watch(), name="alarm")
        self._tripped: set[str] = set()
        surroundings.restarts.on_rest = self._renew_after

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

    def line_up(self, names: list[str]) -> None:
        """Say in which order agents stand that are about to be started; whoever else comes stands behind them."""
        self._line = list(dict.fromkeys(names))

    def start(self, agent: Agent) -> Policy:
        """Give an agent its mailbox and workers; return how it is run."""
        policy = self.policy_of(agent)
        runner = AgentRunner(agent, policy, self._surroundings)
        self._surroundings.spending.limit_agent(runner.name, policy.budget)
        runner.breaker.on_trip = functools.partial(self._note_trip, runner.name)
        self._runners[runner.name] = runner
        if runner.name not in self._line:
            self._line.append(runner.name)
        runner.start(self._group)
        return policy

    def hold(self, name: str) -> None:
        """Begin no further attempt of an agent."""
        self._runners[name].hold()

    async def retire(self, name: str, grace_s: float, why: str = "") -> int:
        """Let an agent finish what it has been given, then stop it; return how many tasks were left at the deadline.

        Those are dead letters: their agent is gone. `why` says so where it was given up.
        """
        runner = self._runners[name]
        try:
            async with asyncio.timeout(grace_s):
                await runner.drain()
        except TimeoutError:
            pass
        error = f"agent {name!r} was given up: {why}"
        left = await runner.abandon({"error": error, "cause": Cause.DIED} if why else None)
        del self._runners[name]
        self._line.remove(name)
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

    def _renew_after(self, name: str) -> None:
        """Give the agents that stand behind one new processes."""
        behind = self._line[self._line.index(name) + 1 :] if name in self._line else ()
        for later in behind:  # in their order: that of a set is another one in each process
            if later in self._runners:
                self._runners[later].handling.renew()

    def _note_trip(self, name: str, tripped: bool) -> None:  # noqa: FBT001 - the breaker's event
        (self._tripped.add if tripped else self._tripped.discard)(name)

    def restore(self, breakers: Mapping[str, Failures], now: float) -> None:
        """Let agents go on as from before a crash: their waits, and the failures that breakers remember.

        Args:
            breakers: by agent.
            now: seconds since the epoch, as in them.
        """
        for runner in self._runners.values():
            runner.go_on()
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
        runners = tuple(self._runners.values())
        return [task_id for runner in runners for task_id, entry in runner.given() if entry.in_handler]

    def in_motion(self) -> bool:
        """Say whether anything will happen by itself: a handler runs, or a timer of a retry or a breaker is set."""
        return any(map(_in_motion, self._runners.values()))

    def given(self) -> dict[str, Mapping[str, Any]]:
        """Return what is known of the tasks that agents have begun with, by task."""
        return {
            task_id: {"state": _state(entry.in_handler, entry.timer), "agent": runner.name, "attempts": entry.attempts}
            for runner in self._runners.values()
            for task_id, entry in runner.given()
        }

    def standings(self) -> dict[str, Mapping[str, Any]]:
        """Return how much each agent has to do that has anything, and why it begins none of it, where that is known."""
        found: dict[str, Mapping[str, Any]] = {}
        for name, runner in self._runners.items():
            counts, state = runner.statistics(), runner.breaker.state
            if counts.queued or counts.in_hand:
                why = {} if state == "closed" else {"why": f"breaker {state}"}
                found[name] = {"queued": counts.queued, "in_hand": counts.in_hand, **why}
        return found

    def holder(self, worker: asyncio.Task[Any] | None) -> dict[str, Any]:
        """Return whose attempt at which task an asyncio.Task makes; empty where it makes none. Any thread may ask."""
        for runner in tuple(self._runners.values()):
            for task_id, entry in runner.given():
                if entry.in_handler and entry.worker is worker:
                    return {"agent": runner.name, "task": task_id, "attempt": entry.attempts}
        return {}

    def stop(self) -> None:
        """Cancel all workers."""
        self._surroundings.alarm.close()
        for runner in self._runners.values():
            runner.stop()

    def statistics(self) -> dict[str, SubscriptionStatistics]:
        """Return the counts of every mailbox by agent."""
        return {name: runner.statistics() for name, runner in self._runners.items()}


def _in_motion(runner: AgentRunner) -> bool:
    if any(entry.in_handler or entry.timer is not None for _, entry in runner.given()):
        return True
    counts = runner.statistics()
    return bool(counts.queued or counts.in_hand) and runner.breaker.opens_again_in_s > 0


def _state(in_handler: bool, timer: object) -> str:  # noqa: FBT001 - the two fields of an entry
    if in_handler:
        return "running"
    return "taken" if timer is None else "retrying"
