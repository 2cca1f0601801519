"""Poison: agents that raise, leave, eat memory, hang, spin and give back too much; and an honest one beside them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from orchestrator import AgentCard, Breaker, Policy, Retry, Task, TaskContext

ATTEMPTS: Final = 3
#: Seconds that the honest agent takes, as one that calls something over a network does.
HONEST_S: Final = 0.02
APART: Final = Policy(
    isolation="process",
    concurrency=1,
    timeout_s=1,
    grace_s=0,
    memory_mb=200,
    max_output_mb=4,
    retry=Retry(max_attempts=ATTEMPTS, backoff_s=0.05),
    breaker=Breaker(failures=1000),
)


class Poison:
    """An agent whose handler does one bad thing, in a process of its own."""

    def __init__(self, name: str, cause: str, deed: Callable[[], Any]) -> None:
        self.card = AgentCard(name=name, summary=f"does {name}", examples=(f"please {name}",), policy=APART)
        self.cause, self._deed = cause, deed

    async def handle(self, _task: Task, _context: TaskContext) -> Any:
        """Do it, in the loop's own thread."""
        return self._deed()


class Honest:
    """An agent that answers after a while."""

    card = AgentCard(
        name="honest", summary="answers", examples=("please be honest",), policy=Policy(concurrency=64, timeout_s=60)
    )

    async def handle(self, _task: Task, _context: TaskContext) -> str:
        """Answer."""
        await asyncio.sleep(HONEST_S)
        return "yes"


def _raise() -> None:
    raise ValueError("poison")


def _leave() -> None:
    os._exit(1)


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(1 << 20))


def _hang() -> None:
    threading.Event().wait()


def _spin() -> None:
    while True:
        pass


def _give_100_mb() -> str:
    return "x" * 100_000_000


raising = Poison("raise", "raised", _raise)
leaving = Poison("leave", "crash", _leave)
eating = Poison("eat", "out-of-memory", _eat)
hanging = Poison("hang", "timeout", _hang)
spinning = Poison("spin", "timeout", _spin)
giving = Poison("give", "too-large", _give_100_mb)
POISONS: Final = (raising, leaving, eating, hanging, spinning, giving)
