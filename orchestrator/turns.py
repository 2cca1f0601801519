"""Turns: a thread and the loop of which only one ever runs, so that what they do together can be repeated."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import queue
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from typing import Any, Final, TypeVar, TypeVarTuple

from orchestrator.outside_errors import UnrepeatableError
from orchestrator.own_line import own_line

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Wanted = Callable[[], Awaitable[Any]]
#: What `asyncio.run_coroutine_threadsafe` has a loop call.
_AWAITED: Final = "run_coroutine_threadsafe.<locals>.callback"


class TurnThread(threading.Thread):
    """A thread for which the loop stands still."""


def is_turn() -> bool:
    """Return whether this is such a thread."""
    return isinstance(threading.current_thread(), TurnThread)


def take_turn(function: Callable[[], T]) -> Future[T]:
    """Call a function in a thread of its own while the caller stands still; return what came of it."""
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001 - right: raised again where it is awaited
            outcome.set_exception(error)

    thread = TurnThread(target=work, name="turn", daemon=True)
    thread.start()
    thread.join()
    return outcome


class TurnTakingLoop(asyncio.SelectorEventLoop):
    """An event loop with which blocking functions take turns.

    It stands still while one computes: which of two is faster, no seed decides.
    """

    _stands = False

    def takes_turns(self) -> bool:
        """Return whether whoever asks now has to take turns."""
        return True

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Call a function in a thread, of the executor if one is given; stand still until it has returned."""
        if not self.takes_turns():
            return super().run_in_executor(executor, func, *args)
        call = functools.partial(func, *args)
        done: asyncio.Future[T] = self.create_future()
        self._stands = True
        try:
            outcome = take_turn(call) if executor is None else executor.submit(call)
            wait_for([outcome])
        finally:
            self._stands = False
        self.call_soon(_hand_over, outcome, done)
        return done

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call back soon.

        Raises:
            UnrepeatableError: if a thread for which the loop stands still would wait for it.
        """
        if getattr(callback, "__qualname__", "") == _AWAITED and (self._stands or is_turn()):
            line = own_line(sys._getframe(1))  # noqa: SLF001 - the one way to who called
            raise UnrepeatableError("it waits in a thread for a coroutine", str(line or ""), "await it in the handler")
        return super().call_soon_threadsafe(callback, *args, context=context)


def _hand_over(outcome: Future[T], done: asyncio.Future[T]) -> None:
    if done.done():  # cancelled
        return
    error = outcome.exception()
    if error is None:
        done.set_result(outcome.result())
    else:
        done.set_exception(error)


class Turns:
    """Runs one plain function in a thread of its own; the loop stands still while it computes.

    The loop goes on when the function wants something that has to be awaited, and stands still again once it has
    that. A function that hangs holds up the whole run: in virtual time there is nothing that could pass meanwhile.
    """

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[tuple[Wanted, Future[Any]] | None] = queue.SimpleQueue()
        self._over = False

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run the function, doing what it wants in the caller's own asyncio.Task; return or raise what it does.

        A caller cancelled meanwhile hears of it when the function has ended, which gets a CancelledError for whatever
        it wants from then on.
        """
        outcome: Future[Any] = Future()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                outcome.set_result(context.run(function))
            except BaseException as error:  # noqa: BLE001 - right: raised again where the function was called
                outcome.set_exception(error)
            finally:
                self._news.put(None)

        thread = TurnThread(target=work, name="handler", daemon=True)
        thread.start()
        wanted: tuple[Wanted, Future[Any]] | None = None
        try:
            while (wanted := self._news.get()) is not None:
                await fulfil(*wanted)
        finally:
            self._over = True
            if wanted is not None and not wanted[1].done():  # the thread would wait for it, and we for the thread
                wanted[1].set_exception(asyncio.CancelledError())
            while not outcome.done() and (wanted := self._news.get()) is not None:
                wanted[1].set_exception(asyncio.CancelledError())
            thread.join()
        return outcome.result()

    def wait(self, make: Wanted) -> Any:
        """Have something done on the loop, and wait for it; called by the function, in its thread."""
        if self._over:
            raise asyncio.CancelledError
        box: Future[Any] = Future()
        self._news.put((make, box))
        return box.result()


async def fulfil(make: Wanted, box: Future[Any]) -> None:
    """Await something for a thread, and put what came of it into the box that the thread waits at."""
    try:
        output = await make()
    except asyncio.CancelledError:
        box.set_exception(asyncio.CancelledError())
        raise
    except BaseException as error:  # noqa: BLE001 - right: raised in the thread that wanted it, and comes back from there
        box.set_exception(error)
    else:
        box.set_result(output)
