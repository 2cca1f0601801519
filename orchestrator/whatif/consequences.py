"""Consequences: what becomes of the tasks that wait for one whose decision would have been another."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.errors import JournalError
from orchestrator.messages import Task
from orchestrator.topics import TASK_ABSTAINED, TASK_COMPLETED
from orchestrator.whatif.answer import Answer
from orchestrator.whatif.recorded import RecordedRun

Effect = Literal[
    "fails", "skipped", "not-added", "reached", "other-input", "without-input", "added-by-another", "depends"
]

#: What each effect means, said of a task and of the one that it is because of.
MEANINGS: Final[Mapping[Effect, str]] = {
    "fails": "ends as failed, unbegun: {because} would not complete",
    "skipped": "is skipped: {because} would not complete",
    "not-added": "is not there: the agent of {because} added it, and would not have it to do",
    "reached": "is reached if {because} completes; on record it never was, so nothing says who gets it",
    "other-input": "goes on as {because} ends then: what it is given may be something else",
    "without-input": "goes on without the output of {because}",
    "added-by-another": "is there only if the other agent of {because} adds it, too",
    "depends": "depends on {because}, of which the record does not tell",
}


@dataclass(frozen=True, slots=True)
class Consequence:
    """What becomes of one task.

    Attributes:
        task: which.
        because: the task before it that makes the difference.
        effect: what.
    """

    task: str
    because: str
    effect: Effect

    @property
    def told(self) -> str:
        """The same, in words."""
        return MEANINGS[self.effect].format(because=self.because)

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return {"task": self.task, "because": self.because, "effect": self.effect}


# How a task stands in the run as it would have been: as on record, over without completing, not there at all, or
# begun and ended otherwise, nobody knows how; or the record does not tell which of these.
_Fate = Literal["same", "broken", "gone", "open", "untold"]


def follow(run: RecordedRun, answers: Iterable[Answer]) -> list[Consequence]:
    """Return what follows from other decisions, in the order of the graph; the tasks decided upon are not among it.

    Args:
        run: all of it.
        answers: those that are of another kind than `same`.

    Raises:
        JournalError: if the tasks of the run wait for each other in a circle.
    """
    tracing = _Tracing(run, {answer.task: answer for answer in answers})
    return list(tracing.trace())


class _Tracing:
    def __init__(self, run: RecordedRun, changed: Mapping[str, Answer]) -> None:
        self._run, self._changed = run, changed
        self._fates: dict[str, _Fate] = {}
        self._before = _waits(run.tasks)

    def trace(self) -> Iterator[Consequence]:
        try:
            order = tuple(graphlib.TopologicalSorter(self._before).static_order())
        except graphlib.CycleError as error:
            circle = ", ".join(error.args[1])
            raise JournalError(
                f"tasks of run {self._run.run!r} wait for each other: {circle}; run `pointsman doctor`"
            ) from error
        for name in order:
            task = self._run.tasks.get(name)
            if task is None:
                continue  # pruned, or never submitted: nothing is on record about it
            found = self._from_above(task)
            if found is None:
                self._fates[name] = self._own_fate(name)
                continue
            self._fates[name] = self._fate_after(found)
            if (found.effect, self._fates[name]) != ("without-input", "same"):
                yield found

    def _own_fate(self, name: str) -> _Fate:
        """Return how a task stands whose dependencies are as on record."""
        answer = self._changed.get(name)
        if answer is None or answer.kind == "reason":
            return "same"
        if answer.kind == "unknown":
            return "untold"
        ends = answer.kind == "fails" or (answer.kind == "abstains" and not self._run.rules.asks)
        return "broken" if ends else "open"

    def _fate_after(self, found: Consequence) -> _Fate:
        if found.effect == "not-added":
            return "gone"
        if found.effect == "added-by-another":
            return "open"
        if found.effect in ("fails", "skipped") or self._own_fate(found.task) == "broken":
            return "broken"
        if found.effect in ("other-input", "without-input") and self._is_nobodys(found.task):
            return "same"
        return "untold" if found.effect == "depends" else "open"

    def _from_above(self, task: Task) -> Consequence | None:
        """Return what the tasks before it do to a task; None where they do nothing."""
        parent = self._fates.get(task.parent, "same") if task.parent else "same"
        if parent in ("broken", "gone"):
            return Consequence(task.id, task.parent, "not-added")
        if self._inherits(task):
            return None  # one of those that are as they were ended it, and does so again
        broken = self._first(task, "broken")
        if broken and task.on_failure != "continue":
            if not self._is_news(broken) and not self._was_reached(task):
                return None  # it did not complete on record, either
            return Consequence(task.id, broken, "skipped" if task.on_failure == "skip" else "fails")
        if parent == "open":
            return Consequence(task.id, task.parent, "added-by-another")
        if untold := self._first(task, "untold"):
            return Consequence(task.id, untold, "depends")
        if other := self._first(task, "open"):
            return Consequence(task.id, other, "other-input" if self._was_reached(task) else "reached")
        return Consequence(task.id, broken, "without-input") if broken and self._is_news(broken) else None

    def _first(self, task: Task, fate: _Fate) -> str:
        """Return the first of those before a task that stands like this; empty if none does."""
        return next((name for name in self._before[task.id] if self._fates.get(name) == fate), "")

    def _inherits(self, task: Task) -> bool:
        """Return whether a task ended on record because of one that stays as it was."""
        if task.on_failure == "continue":
            return False
        same = (name for name in self._before[task.id] if self._fates.get(name, "same") == "same")
        ends = (self._run.endings.get(name) for name in same)
        return any(end is not None and end.topic != TASK_COMPLETED for end in ends)

    def _is_nobodys(self, name: str) -> bool:
        """Return whether nobody gets a task, whatever it is given: the router reads the request alone."""
        end = self._run.endings.get(name)
        return end is not None and end.topic == TASK_ABSTAINED and name not in self._changed

    def _was_reached(self, task: Task) -> bool:
        return task.id in self._run.begun or task.id in self._changed

    def _is_news(self, name: str) -> bool:
        """Return whether a task that would not complete did so on record."""
        end = self._run.endings.get(name)
        return end is None or end.topic == TASK_COMPLETED


def _waits(tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """Return what each task waits for: what it names, and what the agents of these added; its parent, too."""
    children: dict[str, list[str]] = {}
    for task in tasks.values():
        if task.parent:
            children.setdefault(task.parent, []).append(task.id)
    return {task.id: list(dict.fromkeys(_awaited(task, tasks, children))) for task in tasks.values()}


def _awaited(task: Task, tasks: Mapping[str, Task], children: Mapping[str, list[str]]) -> Iterator[str]:
    if task.parent:
        yield task.parent
    waiting = list(task.after)
    while waiting:
        name = waiting.pop()
        yield name
        added = children.get(name, ())
        if task.id in added or name not in tasks:
            continue  # a sibling is waited for only where it is named
        waiting += added
