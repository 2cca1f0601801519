"""Threads: blocking calls on a file that come to their end, however often whoever waits for them is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def heard(callback: Callable[..., None], report: Callable[[Exception], None]) -> Callable[..., None]:
    """Return a callback for the loop whose errors are reported: the loop would only log them, and who waits wait on."""

    def run(*arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            report(error)

    return run


async def to_its_end(function: Callable[[], T], *, name: str) -> T:
    """Run a blocking function in a thread of its own, and return when it is over.

    Not in the loop's own pool: handlers that hang there would keep a journal from being closed. A caller cancelled
    meanwhile, once or more often, hears of it when the function is over: nobody else may touch its connection before.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix=name)
    running = asyncio.get_running_loop().run_in_executor(executor, function)
    executor.shutdown(wait=False)  # its thread ends with the function
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return running.result()
    if not running.cancelled():
        running.exception()  # heard of: the cancellation goes before it
    raise cancelled
