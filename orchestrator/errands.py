"""Errands: what threads of handlers have the event loop do for them, while they wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from orchestrator.errors import BusClosedError, StoppedError

T = TypeVar("T")
#: Seconds that a thread waits at most, before it is told that the run has stopped.
_PATIENCE_S: Final = 60.0


class Errands:
    """Runs coroutines for threads, in the task group of the run.

    A thread waits in `run` alone, and never for a loop that has ended.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group, self._loop = group, asyncio.get_running_loop()
        self._waiting: dict[concurrent.futures.Future[Any], str] = {}  # by task
        self._closed = False

    def here(self) -> bool:
        """Return whether this is called on the loop itself, where nothing may wait."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def run(self, task_id: str, errand: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have an errand done for the handler of a task, and return what came of it. What it raises ends the run.

        Raises:
            StoppedError: if the run has stopped, or does before the errand is done.
        """
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._waiting[outcome] = task_id
        try:
            if self._closed:  # asked after it stands in the list: whoever closes looks there
                raise StoppedError(task_id)
            self._loop.call_soon_threadsafe(self._begin, errand, outcome, task_id)
            return outcome.result(_PATIENCE_S)
        except (RuntimeError, TimeoutError):  # the loop is closed, or about to be
            raise StoppedError(task_id) from None
        finally:
            del self._waiting[outcome]

    def close(self) -> None:
        """Let no thread wait here any longer."""
        self._closed = True
        for outcome, task_id in tuple(self._waiting.items()):
            _refuse(outcome, task_id)

    # -- inside, on the loop alone: so the first word to a thread stands ---------------------------------------------

    def _begin(
        self, errand: Callable[[], Coroutine[Any, Any, T]], outcome: concurrent.futures.Future[T], task_id: str
    ) -> None:
        serving = self._serve(errand, outcome, task_id)
        try:
            self._group.create_task(serving, name=f"errand for {task_id}")
        except RuntimeError:  # the run is ending
            serving.close()
            _refuse(outcome, task_id)

    async def _serve(
        self, errand: Callable[[], Coroutine[Any, Any, T]], outcome: concurrent.futures.Future[T], task_id: str
    ) -> None:
        try:
            came = await errand()
        except BusClosedError:
            _refuse(outcome, task_id)
        except BaseException:  # right: raised again; the thread must not wait for what does not come
            _refuse(outcome, task_id)
            raise
        else:
            if not outcome.done():
                outcome.set_result(came)


def _refuse(outcome: concurrent.futures.Future[Any], task_id: str) -> None:
    if not outcome.done():
        outcome.set_exception(StoppedError(task_id))
