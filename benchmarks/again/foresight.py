"""Foresight: what the records of one run foretell of another at another threshold, held against that run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.again.world import RUN, by_task
from orchestrator.journal import Row
from orchestrator.messages import Result, Status, Task, inherited
from orchestrator.topics import ENDINGS, TASK_ABSTAINED, TASK_FAILED, TASK_SKIPPED, TASK_UNLOCKED, command_for
from orchestrator.whatif import Alternative, Answer, Consequence, RecordedRun, WhatIf, what_if

Event = tuple[str, Any]


@dataclass(slots=True)
class Foresight:
    """What was foretold, and how much of it came true.

    Attributes:
        found: what the records say.
        foretold: rows that were foretold, body and all.
        untold: rows of the live run about tasks of which the records do not tell.
        wrong: what came otherwise, a line each.
    """

    found: WhatIf
    foretold: int = 0
    untold: int = 0
    wrong: list[str] = field(default_factory=list)

    def hold(self, name: str, expected: Sequence[Event] | None, actual: Sequence[Event]) -> None:
        """Compare the rows about something."""
        if expected is None:
            self.untold += len(actual)
            return
        self.foretold += len(expected)
        if expected != actual:
            self.wrong.append(f"{name}: {_difference(expected, actual)}")


def foretell(before: Sequence[Row], after: Sequence[Row], threshold: float) -> Foresight:
    """Hold what the rows of a run say about another threshold against the rows of a run at that threshold."""
    teller = _Teller(before, Alternative(threshold))
    result, lives = Foresight(teller.found), by_task(after)
    result.hold("the run", by_task(before)[""], lives[""])
    for task in teller.found.run.tasks.values():
        expected = teller.tell(task)
        teller.note_end(task, expected or lives[task.id])
        result.hold(task.id, expected, lives[task.id])
    return result


class _Teller:
    """Says which rows a task has in the run that never was; asked about each task after those that it waits for."""

    def __init__(self, rows: Sequence[Row], alternative: Alternative) -> None:
        self.found = what_if(RUN, rows, alternative)
        self._recorded = by_task(rows)
        self._records = {one.task: alternative.rewrite(one) for one in RecordedRun(RUN).hear(rows)}
        self._answers: Mapping[str, Answer] = {answer.task: answer for answer in self.found.answers}
        self._follows: Mapping[str, Consequence] = {one.task: one for one in self.found.follows}
        self._ends: dict[str, Status] = {}
        self._roots: dict[str, str] = {}  # of what ended unbegun: the task whose end it was that ended it

    def note_end(self, task: Task, rows: Sequence[Event]) -> None:
        """Note how a task ends: as foretold, or as it came where the records leave that open."""
        topic, body = rows[-1]
        self._ends[task.id] = ENDINGS[topic]
        if task.after and not body.get("attempts") and topic in (TASK_FAILED, TASK_SKIPPED):
            self._roots[task.id] = self._roots.get(task.after[0], task.after[0])

    def tell(self, task: Task) -> list[Event] | None:
        """Return topic and body of the rows of a task; None where the records do not tell."""
        follows, answer = self._follows.get(task.id), self._answers.get(task.id)
        for name in task.after:
            if self._ends[name] != "completed" and task.on_failure != "continue":
                return self._unbegun(task, name)
        if (follows is not None and follows.effect in ("reached", "depends")) or (answer and answer.kind == "unknown"):
            return None
        rows = [self._otherwise(task, event, answer) for event in self._recorded[task.id]]
        if answer is None or answer.kind in ("same", "reason"):
            return rows
        before = rows[: next(at for at, (_, body) in enumerate(rows) if "decision" in body)]
        about = {"decision": self._records[task.id]}
        if answer.kind == "abstains":
            return [*before, (TASK_ABSTAINED, about | {"error": _why_nobody(answer)})]
        return [*before, ("task.routed", about), *self._done_by(task.id, answer.after.chosen)]

    def _unbegun(self, task: Task, because: str) -> list[Event]:
        result = inherited(task, Result(because, self._ends[because]))
        topic = TASK_SKIPPED if result.status == "skipped" else TASK_FAILED
        return [self._recorded[task.id][0], (topic, {"agent": "", "attempts": 0, "error": result.error})]

    def _otherwise(self, task: Task, event: Event, answer: Answer | None) -> Event:
        """Return a row on record as it would have been."""
        topic, body = event
        if topic == TASK_UNLOCKED:
            return topic, {"by": self._roots.get(task.after[0], task.after[0])}
        if "decision" in body:
            body = {**body, "decision": self._records[task.id]}
        if topic == TASK_ABSTAINED and answer is not None:
            body = {**body, "error": _why_nobody(answer)}
        return topic, body

    def _done_by(self, task: str, agent: str) -> Iterable[Event]:
        """Yield what follows when a clerk gets a task: all of them do alike."""
        other, rows = next((name, rows) for name, rows in self._recorded.items() if rows[-1][0] == "task.completed")
        done_by = rows[-1][1]["agent"]
        at = next(at for at, (topic, _) in enumerate(rows) if topic == command_for(done_by))
        for topic, body in rows[at:]:
            yield topic.replace(done_by, agent), _replaced(body, {other: task, done_by: agent})


def _why_nobody(answer: Answer) -> str:
    return f"the router abstained: {answer.after.abstained}"


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    return {key: _replaced(one, names) for key, one in value.items()} if isinstance(value, dict) else value


def _difference(expected: Sequence[Event], actual: Sequence[Event]) -> str:
    for foretold, happened in zip(expected, actual, strict=False):
        if foretold != happened:
            keys = [key for key in foretold[1] if foretold[1][key] != happened[1].get(key)]
            return f"{foretold[0]} was foretold, {happened[0]} came; {', '.join(keys)} differ"
    return f"{[topic for topic, _ in expected]} were foretold, {[topic for topic, _ in actual]} came"
