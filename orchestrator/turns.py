"""Turns: a thread and the loop of which only one ever runs, so that what they do together can be repeated."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

Wanted = Callable[[], Awaitable[Any]]


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

        thread = threading.Thread(target=work, name="handler", daemon=True)
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
