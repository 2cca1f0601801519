"""The endings: how the tasks of one agent end, each on record with what it spent and what it added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.budget import Shortage
from orchestrator.bus import Fact, Subscription
from orchestrator.causes import Cause
from orchestrator.errors import NotJsonError
from orchestrator.handling import Failure, Success, Surroundings, refused
from orchestrator.journal import check_json
from orchestrator.messages import Envelope, Task
from orchestrator.open_task import OpenTask
from orchestrator.refusing import for_want_of, give_back, may_go_elsewhere
from orchestrator.topics import TASK_COMPLETED, TASK_DEAD_LETTERED, TASK_FAILED, TASK_SUBMITTED


class Endings:
    """Ends the tasks of one agent; whose they are no longer, the runner has seen to before."""

    def __init__(self, surroundings: Surroundings, agent: str, mailbox: Subscription) -> None:
        self._in, self._agent, self._mailbox = surroundings, agent, mailbox
        self._spending = surroundings.spending

    async def complete(self, outcome: Success, entry: OpenTask, started: Envelope, measured: dict[str, float]) -> None:
        """Put an answer on record; one that is no JSON ends its task as failed."""
        try:
            if self._spending.owing:  # what was spent goes on record with a row that is surely taken
                check_json(outcome.output, "the output")
            await self._finish(TASK_COMPLETED, {"output": outcome.output}, entry, started, measured, outcome.children)
        except NotJsonError as error:  # found out here because looking first would cost every task
            body = {"error": refused(error), "cause": Cause.REFUSED}
            await self._finish(TASK_FAILED, body, entry, started, measured)
        self._mailbox.done()

    async def fail(self, outcome: Failure, entry: OpenTask, started: Envelope, measured: dict[str, float]) -> None:
        """End a task that its handler gave up."""
        await self._finish(TASK_FAILED, why(outcome), entry, started, measured)
        self._mailbox.done()

    async def bury(
        self, because: dict[str, Any], entry: OpenTask, started: Envelope, measured: dict[str, float]
    ) -> None:
        """End a task that gets no further attempt, or none at all."""
        await self._finish(TASK_DEAD_LETTERED, because, entry, started, measured)
        self._mailbox.reject(entry.command, because["error"])

    async def refuse(self, entry: OpenTask, short: Shortage) -> None:
        """End a task that a budget keeps from its next attempt, or let another agent have it."""
        if may_go_elsewhere(short, entry.attempts, self._in.graph, entry.command.correlation_id):
            await give_back(self._in.bus, self._mailbox, self._agent, entry.command, short)
        else:
            await self.bury(for_want_of(short), entry, entry.command, {})

    async def give_up(self, entry: OpenTask, farewell: Mapping[str, Any]) -> None:
        """End a task whose agent is gone, and say why it is."""
        body = {"agent": self._agent, "attempts": entry.attempts, **farewell}
        self._in.questions.forget(entry.command.correlation_id)
        await self._in.bus.publish(TASK_DEAD_LETTERED, body, entry.command.correlation_id, entry.command.id)
        self._mailbox.reject(entry.command, farewell["error"])

    async def _finish(
        self,
        topic: str,
        body: dict[str, Any],
        entry: OpenTask,
        started: Envelope,
        measured: dict[str, float],
        children: Sequence[Task] = (),
    ) -> None:
        task_id = entry.command.correlation_id
        body = {"agent": self._agent, "attempts": entry.attempts, **body}
        if self._spending.owing:
            body |= self._spending.settle(task_id, self._agent)
        if children:  # in one go with the end: who stops this worker while it waits leaves all on record, or nothing
            records = [(child.id, {"task": child.to_json()}) for child in children]
            await self._in.bus.publish_all(TASK_SUBMITTED, records, started.id, Fact(topic, task_id, body, measured))
        else:
            await self._in.bus.publish(topic, body, task_id, started.id, measured)
        self._in.effects.forget(task_id)
        self._in.questions.forget(task_id)


def why(failure: Failure) -> dict[str, Any]:
    """Return what a row says of a failed attempt."""
    return {"error": failure.error, "cause": failure.cause} if failure.short is None else for_want_of(failure.short)
