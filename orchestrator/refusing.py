"""Refusing: how a task ends, or goes back to the router, whose next attempt a budget keeps from beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.budget import Shortage
from orchestrator.bus import Bus, Subscription
from orchestrator.causes import Cause
from orchestrator.graph import TaskGraph
from orchestrator.messages import Envelope, Task
from orchestrator.topics import TASK_DEAD_LETTERED, TASK_RETURNED


def for_want_of(short: Shortage) -> dict[str, Any]:
    """Return what the row with the end of a task says of the budget that ended it."""
    return {"error": short.tell(), "cause": Cause.BUDGET, "budget": short.to_json()}


async def refuse_unbegun(
    bus: Bus,
    task: Task,
    short: Shortage,
    cause: str,
    record: Mapping[str, Any] | None = None,
    measured: Mapping[str, float] | None = None,
) -> None:
    """End a task that no agent may begin; with the record of the decision, where one was taken."""
    agent = short.name if short.scope == "agent" else task.agent
    body = {"agent": agent, "attempts": 0, **for_want_of(short)} | ({"decision": record} if record else {})
    await bus.publish(TASK_DEAD_LETTERED, body, task.id, cause, measured)


def may_go_elsewhere(short: Shortage, attempts: int, graph: TaskGraph, task_id: str) -> bool:
    """Return whether another agent may do a task: nobody has begun it, and nobody said who is to do it.

    One that was begun may have effects on record, and these answer to the agent that asked for them.
    """
    return short.scope == "agent" and not attempts and not graph.task(task_id).agent


async def give_back(bus: Bus, mailbox: Subscription, agent: str, command: Envelope, short: Shortage) -> None:
    """Give a task back, for the router to choose another agent."""
    body = {"agent": agent, "error": short.tell(), "budget": short.to_json()}
    await bus.publish(TASK_RETURNED, body, command.correlation_id, command.id)
    mailbox.done()
