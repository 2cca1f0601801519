"""The crash points: named places at which a process kills itself with SIGKILL, in the middle of what it does there."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import signal
from typing import Any, Final, Literal, NamedTuple


class CrashPoint(NamedTuple):
    """A place: before or after a function of the product."""

    module: str
    name: str
    when: Literal["before", "after"]


CRASH_POINTS: Final[dict[str, CrashPoint]] = {
    "a run is claimed": CrashPoint("orchestrator.journal.claim", "Claim.attempt_for", "after"),
    "rows are in the transaction, not committed": CrashPoint("orchestrator.journal.sqlite", "write", "before"),
    "rows are committed, nobody was told": CrashPoint("orchestrator.journal.sqlite", "write", "after"),
    "a plan is in the graph, not on record": CrashPoint("orchestrator.bus.memory", "Bus.publish_all", "before"),
    "a plan is on its way to the disk": CrashPoint("orchestrator.bus.memory", "Bus.publish_all", "after"),
    "an attempt is on record, not begun": CrashPoint("orchestrator.handling", "Handling.run", "before"),
    "an attempt has ended, not on record": CrashPoint("orchestrator.handling", "Handling.run", "after"),
    "an effect is intended, not done": CrashPoint("orchestrator.outside", "called", "before"),
    "an effect is done, without a receipt": CrashPoint("orchestrator.outside", "called", "after"),
    "an effect has its receipt": CrashPoint("orchestrator.effects", "EffectsOfAttempt.perform", "after"),
    "tasks are added, their parent's end is not on record": CrashPoint(
        "orchestrator.endings", "Endings._finish", "before"
    ),
    "the end of a task is on its way to the disk": CrashPoint("orchestrator.endings", "Endings._finish", "after"),
    "a retry has its timer": CrashPoint("orchestrator.runner", "AgentRunner._retry_later", "after"),
    "a task is ready, not routed": CrashPoint("orchestrator.dispatcher", "Dispatcher._send", "before"),
    "a task is routed": CrashPoint("orchestrator.dispatcher", "Dispatcher._send", "after"),
    "a run is read again, not announced": CrashPoint("orchestrator.resumption", "Resumption.announce", "before"),
    "a resumed run is announced, not taken up": CrashPoint("orchestrator.resumption", "Resumption.take_up", "before"),
    "a resumed run is taken up": CrashPoint("orchestrator.resumption", "Resumption.take_up", "after"),
}


def arm(point: CrashPoint, count: int) -> None:
    """Let this process die at the n-th time that it comes to a crash point."""
    owner: Any = importlib.import_module(point.module)
    *path, name = point.name.split(".")
    for part in path:
        owner = getattr(owner, part)
    setattr(owner, name, _deadly(getattr(owner, name), point.when, count))


def _deadly(function: Any, when: str, count: int) -> Any:
    left = [count]

    def pass_by() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(function)
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            pass_by()
        result = await function(*args, **kwargs)
        if when == "after":
            pass_by()
            await asyncio.sleep(0)
        return result

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            pass_by()
        result = function(*args, **kwargs)
        if when == "after":
            pass_by()
        return result

    return asynchronous if inspect.iscoroutinefunction(function) else plain
