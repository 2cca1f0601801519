"""Agents that spend, for tests: a process of its own finds them again in this module."""

import os
import signal
import threading
from typing import Any, Final

from orchestrator.agent import agent
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, BudgetExceededError
from orchestrator.messages import Task
from orchestrator.policy import Policy, Retry

APART: Final = Policy(isolation="process", timeout_s=30, grace_s=0, retry=Retry(max_attempts=1))


@agent("spender", summary="spends", examples=["please ask the spender"], policy=APART)
async def spender(task: Task, context: TaskContext) -> dict[str, Any]:
    """Spend as the payload says, in a process of its own; die, or go on, as it says."""
    await context.spend(tokens=task.payload["tokens"])
    if task.payload.get("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        context.spend(cost="0.25")
    except BudgetExceededError as error:
        if task.payload.get("raises"):
            raise
        return {"pid": os.getpid(), "told": error.shortage.figures}
    return {"pid": os.getpid(), "told": ""}


KEPT: Final[list[TaskContext]] = []


@agent("keeper", summary="keeps what it should not", examples=["please ask the keeper"], policy=APART)
def keeper(task: Task, context: TaskContext) -> str:
    """Spend on behalf of an attempt that is over, from a thread of its own."""
    KEPT.append(context)
    told: list[str] = []

    def late() -> None:
        try:
            KEPT[0].spend(tokens=7)
        except AgentError as error:
            told.append(str(error))

    if len(KEPT) > 1:
        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
    return "".join(told)
