"""The critical path: how urgent each task of a graph is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.messages import Task

if TYPE_CHECKING:
    from orchestrator.dependencies import Dependencies

# How far one added task may raise the urgency of those before it. Adding tasks one by one to a chain would otherwise
# cost the square of its length; beyond this the order among ready tasks is approximate, dependencies never are.
MAX_RAISED: Final = 256


class CriticalPath:
    """Urgencies: seconds on the longest path from the start of a task to an end of the graph.

    Ended tasks have none; a path is not followed through them.
    """

    def __init__(self, graph: Dependencies) -> None:
        self._predecessors = graph.predecessors
        self._urgency: dict[str, float] = {}
        self._estimate: dict[str, float] = {}

    def of(self, task_id: str) -> float:
        """Return the urgency of a task; 0 once it has ended."""
        return self._urgency.get(task_id, 0.0)

    def add(self, tasks: Sequence[Task]) -> None:
        """Take new tasks in, each after those of them that it waits for, and make those before them as urgent."""
        urgencies, estimates = self._urgency, self._estimate
        older: dict[str, None] = {}
        if urgencies:  # a plan usually comes first, and alone
            older = dict.fromkeys(name for task in tasks for name in task.after if name in urgencies)
        for task in tasks:
            urgencies[task.id] = estimates[task.id] = task.estimate_s
        for task in reversed(tasks):  # so each is final when those before it learn of it
            urgency = urgencies[task.id]
            for before in task.after:
                if before in urgencies and estimates[before] + urgency > urgencies[before]:
                    urgencies[before] = estimates[before] + urgency
        for name in older:
            self.raise_before(name)

    def raise_before(self, task_id: str) -> None:
        """Make every task before this one at least as urgent as the path through it demands."""
        urgencies, estimates = self._urgency, self._estimate
        queue = deque([task_id])
        visits = 0
        while queue and visits < MAX_RAISED:
            name = queue.popleft()
            urgency = urgencies.get(name, 0.0)
            for before in self._predecessors(name):
                if before in urgencies and estimates[before] + urgency > urgencies[before]:
                    urgencies[before] = estimates[before] + urgency
                    queue.append(before)
                    visits += 1

    def end(self, task_id: str) -> None:
        """Forget a task that has ended."""
        del self._urgency[task_id], self._estimate[task_id]
