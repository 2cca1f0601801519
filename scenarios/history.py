"""History: what the rows of a journal say about each task. Whoever judges a run looks at this and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.messages import EMPTY, Envelope
from orchestrator.topics import (
    ENDINGS,
    TASK_ABSTAINED,
    TASK_ANSWERED,
    TASK_ASKED,
    TASK_ROUTED,
    TASK_STARTED,
    TASK_SUBMITTED,
)

NEVER = -1


@dataclass(slots=True)
class TaskHistory:
    """One task, as far as the rows tell.

    Attributes:
        submitted_at: seconds since the epoch.
        decision: record of the last routing decision; empty where there was none.
        begun: index of the row of the first attempt; `NEVER` where nobody was called.
        ended: index of the row with which it ended; `NEVER` where it did not.
        ended_at: seconds since the epoch.
        status: how it ended.
        body: of the envelope with which it ended.
        left_to_people: record of the decision for nobody that people were asked about; empty where there was none.
        asked: the questions that it asked people, each with its answer; empty where there was none.
    """

    submitted_at: float
    decision: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    begun: int = NEVER
    ended: int = NEVER
    ended_at: float = 0.0
    status: str = "unfinished"
    body: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    left_to_people: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time from its submission to its end."""
        return round(self.ended_at - self.submitted_at, 6)

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        agent, attempts, error = self.body.get("agent"), self.body.get("attempts"), self.body.get("error")
        words = [self.status.replace("_", "-")]
        words += [f"at {agent}"] if agent else []
        words += [f"after {attempts} attempts"] if attempts else []
        return " ".join(words) + (f": {error}" if error else "")


class History:
    """The rows of one run, in order, and what they say about each task."""

    def __init__(self, rows: Iterable[Envelope]) -> None:
        self.rows = tuple(rows)
        self.tasks: dict[str, TaskHistory] = {}
        for index, row in enumerate(self.rows):
            if row.topic == TASK_SUBMITTED:
                self.tasks[row.correlation_id] = TaskHistory(row.at)
            elif row.correlation_id in self.tasks:
                _note(self.tasks[row.correlation_id], index, row)

    @property
    def begun(self) -> list[str]:
        """Tasks whose agent was called, in the order of their first calls."""
        called = [name for name, task in self.tasks.items() if task.begun != NEVER]
        return sorted(called, key=lambda name: self.tasks[name].begun)

    @property
    def ended(self) -> list[str]:
        """Tasks that ended, in that order."""
        over = [name for name, task in self.tasks.items() if task.ended != NEVER]
        return sorted(over, key=lambda name: self.tasks[name].ended)

    @property
    def seconds(self) -> float:
        """Time from the first submission to the last end."""
        if not self.ended:
            return 0.0
        first = min(task.submitted_at for task in self.tasks.values())
        return round(max(task.ended_at for task in self.tasks.values()) - first, 6)


def _note(task: TaskHistory, index: int, row: Envelope) -> None:
    if row.topic in (TASK_ROUTED, TASK_ABSTAINED):
        task.decision = row.body.get("decision", EMPTY)
    if row.topic == TASK_ASKED:
        task.asked.append((row.body["question"], ""))
        task.left_to_people = row.body.get("decision", task.left_to_people)
    if row.topic == TASK_ANSWERED and task.asked and not task.asked[-1][1]:
        task.asked[-1] = task.asked[-1][0], row.body["answer"]
    if row.topic == TASK_STARTED and task.begun == NEVER:
        task.begun = index
    if row.topic in ENDINGS:
        task.ended, task.ended_at, task.status, task.body = index, row.at, ENDINGS[row.topic], row.body
