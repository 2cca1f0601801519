"""Outside: what handlers read from beyond the run, and who answers: the world itself, or whoever records and replays.

Everything else that a handler sees is decided by the plan, the seed and the order of what came before. So whoever
answers these reads, in recorded order and at recorded times, decides the whole run.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, Protocol

from orchestrator.clock import Clock

#: Reads something from outside: async, or a plain function that blocks.
Read = Callable[[], Any]


class Outside(Protocol):
    """Answers what the handlers of one task read from outside."""

    def read(self, source: str, request: Any, function: Read, clock: Clock) -> Coroutine[Any, Any, Any]:
        """Return what `function` returns, or raise what it raises, now or when it was recorded.

        Args:
            source: what is asked, such as 'http', 'llm', or 'effect:send-mail'.
            request: what tells this read apart from others of the source; JSON.
            function: does it; returns JSON.
            clock: of the run.
        """
        ...


class World:
    """The world itself: every read takes place, and nothing is kept."""

    async def read(self, source: str, request: Any, function: Read, clock: Clock) -> Any:  # noqa: ARG002 - the protocol's
        """Call `function`."""
        return await called(function, clock)


#: Who answers a task's reads, by its id; None where the world does.
OutsideOf = Callable[[str], Outside]
WORLD: Final = World()
#: Who answers the reads of the attempt that is under way, for clients that no handler hands its context to.
CURRENT: Final[ContextVar[Outside | None]] = ContextVar("outside", default=None)
#: Whether this is done within the function of a read.
READING: Final[ContextVar[bool]] = ContextVar("reading", default=False)


async def called(function: Read, clock: Clock) -> Any:
    """Call a function that blocks in a thread, an async one here; what that returns may be awaitable as well."""
    reading = READING.set(True)
    try:
        if inspect.iscoroutinefunction(function):
            return await function()
        output = await clock.run_blocking(function)
        return await output if inspect.isawaitable(output) else output
    finally:
        READING.reset(reading)


def with_key(function: Callable[[str], Any], key: str) -> Read:
    """Return the function of an effect as a read: called with the key."""
    return functools.partial(function, key)
