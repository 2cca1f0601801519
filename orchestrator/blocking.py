"""Blocking: what a plain `def` handler has where an `async def` one has `await`."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from orchestrator.clock import Clock, SystemClock, VirtualClock
from orchestrator.errors import AgentError
from orchestrator.letterbox import Letterbox
from orchestrator.turns import Turns, Wanted, fulfil

if TYPE_CHECKING:
    from orchestrator.budget import Amount
    from orchestrator.context import AsksPeople, InDoubt, PerformsEffects, Spend
    from orchestrator.outside import Outside, Read

#: Returns or raises what something that is to be awaited does, once it is over.
Wait = Callable[[Wanted], Any]
_INSTEAD: Final = "make it an `async def`"


class Blocking:
    """Reads, effects and questions for handlers that cannot await: each call returns when it is over."""

    __slots__ = ("_clock", "_effects", "_outside", "_people", "_wait")

    def __init__(
        self, effects: PerformsEffects, people: AsksPeople, outside: Outside, clock: Clock, wait: Wait
    ) -> None:
        self._effects, self._people, self._wait = effects, people, wait
        self._outside, self._clock = outside, clock

    def read(self, source: str, function: Read, *, request: Any = None) -> Any:
        """Read something from outside and return what came; see `TaskContext.read`."""
        return self._wait(lambda: self._outside.read(source, request, function, self._clock))

    def effect(self, name: str, function: Callable[[str], Any], *, key: str = "", in_doubt: InDoubt = "again") -> Any:
        """Do something to the outside world once, and return what came of it; see `TaskContext.effect`."""
        return self._wait(lambda: self._effects.perform(name, function, key, in_doubt))

    def ask(self, question: str, options: Sequence[str] = ("yes", "no"), *, key: str = "") -> str:
        """Ask a person, and return the answer; see `TaskContext.ask`."""
        answer: str = self._wait(lambda: self._people.ask(question, options, key))
        return answer


class Bridge:
    """Carries what a handler in a thread wants to the loop, where the handler's own asyncio.Task does it.

    So a timeout, or the end of the run, cuts it off as it would in an `async def` handler, and the thread gets a
    CancelledError. From then on it gets that at once, whatever it wants: nothing is done for an attempt that is over.
    What waits here is bounded by the handler's own threads, each of which wants one thing at a time.
    """

    def __init__(self) -> None:
        self._loop, self._home = asyncio.get_running_loop(), threading.get_ident()
        self._letters = Letterbox()
        self._wanted: deque[tuple[Wanted, Future[Any]]] = deque()
        self._news = asyncio.Event()
        self._serving = False
        self._turns: Turns | None = None

    async def run(self, function: Callable[[], Any], clock: Clock) -> Any:
        """Run a plain function in a thread and do what it wants meanwhile; return or raise what it does.

        In virtual time the two take turns, so that nothing depends on how fast either is.
        """
        if isinstance(clock, VirtualClock):
            self._turns = Turns()
            return await self._turns.run(function)
        if type(clock) is not SystemClock:
            return await clock.run_blocking(function)
        self._serving = True
        running = self._loop.run_in_executor(None, contextvars.copy_context().run, function)
        running.add_done_callback(lambda _: self._news.set())
        try:
            return await self._serve(running)
        finally:
            self._close(running)

    def wait(self, make: Wanted) -> Any:
        """Have something done on the loop, and wait for it; called by the handler, in its thread."""
        if threading.get_ident() == self._home:
            return at_once(make)
        if self._turns is not None:
            return self._turns.wait(make)
        if not self._serving:
            raise AgentError(f"this clock gives a `def` handler no way to wait for anything; {_INSTEAD}")
        return self._letters.post(functools.partial(self._take, make), asyncio.CancelledError())

    def spending(self, spend: Spend) -> Spend:
        """Return how the handler spends: where it and the loop take turns, in the loop's, and never outside of it."""

        def run(amount: Amount) -> Awaitable[None]:
            async def on_record() -> Awaitable[None]:
                counted = spend(amount)
                await counted
                return counted

            if self._turns is None or threading.get_ident() == self._home:
                return spend(amount)
            counted: Awaitable[None] = self._turns.wait(on_record)
            return counted

        return run

    # -- on the loop -------------------------------------------------------------------------------------------------

    def _take(self, make: Wanted, answer: Future[Any]) -> None:
        if not answer.done():  # else it was refused: the attempt is over
            self._wanted.append((make, answer))
            self._news.set()

    async def _serve(self, running: asyncio.Future[Any]) -> Any:
        while not running.done():
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                await fulfil(*self._wanted.popleft())
        return running.result()

    def _close(self, running: asyncio.Future[Any]) -> None:
        self._letters.close()
        self._wanted.clear()
        if not running.cancel() and not running.cancelled():
            running.exception()  # retrieved: a cancellation goes before it


def at_once(make: Wanted) -> Any:
    """Return or raise what something does that need not be waited for; called on the loop's own thread.

    Raises:
        AgentError: if it would have to wait.
    """
    steps = make().__await__()
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    steps.close()
    raise AgentError(f"a `def` handler on the loop's own thread, as in virtual time, can wait for nothing; {_INSTEAD}")


def wait_alone(make: Wanted) -> Any:
    """Return or raise what something does, in a loop of its own: for handlers that are called by hand, in tests.

    Raises:
        AgentError: if it is called where a loop runs, which it would hold up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_awaited(make))
    raise AgentError("`context.blocking` would hold up the loop here; await `context.effect` or `context.ask`")


async def _awaited(make: Wanted) -> Any:
    return await make()
