"""Revival: the dead letters in a journal, and how they are tried again or dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.documents import suggest
from orchestrator.errors import PointsmanError
from orchestrator.journal import Row, Select
from orchestrator.messages import EMPTY
from orchestrator.topics import TASK_DEAD_LETTERED, TASK_DROPPED, TASK_FAILED, TASK_REVIVED, TASK_SKIPPED


class Dead(NamedTuple):
    """A task that was given up, and is neither to be tried again nor dropped.

    Attributes:
        run, task: which one.
        agent: who had it.
        attempts: attempts begun.
        cause: why it was given up, in one line.
        at: seconds since the epoch.
        id: of the envelope that says so.
        budget: the one that was used up, where that is why; else empty.
    """

    run: str
    task: str
    agent: str
    attempts: int
    cause: str
    at: float
    id: str
    budget: Mapping[str, Any] = EMPTY

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return self._asdict() | {"budget": dict(self.budget) or None}


def dead_letters(select: Select, *, run: str = "", task: str = "", agent: str = "", cause: str = "") -> list[Dead]:
    """Return the dead letters that stand, the oldest first.

    Args:
        select: reads the journal.
        run: only of this run.
        task: only this task.
        agent: only of this agent.
        cause: only those whose cause contains this text, in capitals or not.
    """
    settled: set[tuple[str, str]] = set()
    found = []
    for row in select(run=run, task=task, topics=(TASK_DEAD_LETTERED, TASK_REVIVED, TASK_DROPPED)):
        if row.envelope.topic == TASK_DEAD_LETTERED:
            found.append(_dead(row))
        else:
            settled.add((row.run, row.envelope.causation_id))
    standing = (one for one in found if (one.run, one.id) not in settled)
    return [one for one in standing if agent in ("", one.agent) and cause.casefold() in one.cause.casefold()]


def find_dead(select: Select, task: str, run: str) -> Dead:
    """Return the dead letter of a task, of the latest run that has one.

    Raises:
        PointsmanError: if there is none; suggests the nearest.
    """
    found = dead_letters(select, run=run, task=task)
    if not found:
        known = {one.task for one in dead_letters(select, run=run)}
        raise PointsmanError(f"task {task!r} is no dead letter; {suggest(task, known)}")
    return found[-1]


def ended_with(select: Select, dead: Dead) -> list[str]:
    """Return the tasks that ended because this one did, in the order of their ends."""
    ended: dict[str, None] = {}
    named = {dead.task}
    for row in select(run=dead.run, topics=(TASK_FAILED, TASK_SKIPPED)):
        body, name = row.envelope.body, row.envelope.correlation_id
        error = str(body.get("error", ""))
        if not body.get("attempts") and any(error.startswith(f"{other!r}, which it waited for") for other in named):
            named.add(name)
            ended[name] = None
    return list(ended)


def _dead(row: Row) -> Dead:
    envelope, body = row.envelope, row.envelope.body
    about = (body.get("agent", ""), body.get("attempts", 0), body.get("error", ""))
    return Dead(row.run, envelope.correlation_id, *about, envelope.at, envelope.id, body.get("budget", EMPTY))
