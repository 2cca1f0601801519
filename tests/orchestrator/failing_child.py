"""An agent for tests whose own process fails at one call of one function, as the environment says."""

import contextlib
import os
from pathlib import Path
from typing import Any, Final

from orchestrator.agent import agent
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError
from orchestrator.policy import Breaker, Policy, Retry
from tests.orchestrator import faults
from tests.orchestrator.faults import InjectedError, Point, functions_of

#: What runs in the process of a handler, and there alone.
COMPONENTS: Final = ("orchestrator.isolation_child", "orchestrator.isolation_run")
#: In the environment: the function, the number of the call, the moment, and a file that is touched when it fails.
VARIABLE: Final = "POINTSMAN_TEST_FAULT"
FUNCTIONS: Final = functions_of(COMPONENTS)
KEPT: Final = contextlib.ExitStack()
APART: Final = Policy(
    isolation="process",
    timeout_s=2,
    grace_s=0,
    memory_mb=500,
    cpu_s=30,
    max_output_mb=1,
    retry=Retry(max_attempts=2, backoff_s=0, jitter=0),
    breaker=Breaker(failures=1000),
)


@agent("worker", summary="does what there is to do", examples=["please ask the worker"], policy=APART)
async def worker(payload: dict[str, Any], context: TaskContext) -> Any:
    """Spend, have effects, ask a person, fail, give back too much, or what is no JSON."""
    context.spend(tokens=1)
    deed = payload["deed"]
    if deed == "all":
        with_receipt = await context.effect("book", lambda key: key)
        return [with_receipt, await context.ask("go on?")]
    if deed == "fails" and context.attempt == 1:
        return await context.effect("pay", _break)
    if deed == "gives-up":
        raise AgentError("hopeless")
    return {"much": "x" * 2_000_000, "odd": object()}.get(deed, "done")


def _break(_key: str) -> None:
    raise ConnectionError("reset by peer")


@agent("plain-worker", summary="works without await", examples=["please ask the plain-worker"], policy=APART)
def plain_worker(payload: dict[str, Any], context: TaskContext) -> Any:
    """Have an effect from a plain function."""
    return context.blocking.effect("book", lambda key: key)


def _fail_here(function: str, number: str, moment: str, touched: str) -> None:
    """Let one call fail in this process, the first of a run only: its next attempt finds another process."""

    class NotedError(InjectedError):
        def __init__(self, text: str) -> None:
            Path(touched).write_text(text, encoding="utf-8")
            super().__init__(text)

    if Path(touched).exists():
        return
    faults.InjectedError = NotedError  # type: ignore[misc, assignment]  # for this process
    point = Point(function, int(number), "before" if moment == "before" else "after")
    KEPT.enter_context(faults.counted(FUNCTIONS, point))


if VARIABLE in os.environ:
    _fail_here(*os.environ[VARIABLE].split("|"))
