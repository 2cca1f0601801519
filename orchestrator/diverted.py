"""The diverted dispatcher: applies the router's decisions, but for those that a fork of the run replaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from orchestrator.ancestry import Diversion
from orchestrator.decision import RoutingDecision
from orchestrator.dispatcher import Dispatcher
from orchestrator.messages import Task


class DivertedDispatcher(Dispatcher):
    """A dispatcher of a fork. The router is asked all the same: its answer is on record beside the agent instead."""

    def __init__(self, diversions: Iterable[Diversion], **parts: Any) -> None:
        """Prepare; `parts` are those of a `Dispatcher`."""
        super().__init__(**parts)
        self._instead = {(one.task, one.nth): one.agent for one in diversions}
        self._taken: Counter[str] = Counter()

    def _decide(self, task: Task, measured: dict[str, float]) -> RoutingDecision | str:
        decision = super()._decide(task, measured)
        if isinstance(decision, str):
            return decision
        self._taken[task.id] += 1
        agent = self._instead.get((task.id, self._taken[task.id]))
        return decision if agent is None else decision._replace(chosen=agent, policy="replaced", propensity=1.0)
