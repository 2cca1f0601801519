"""Errands: what threads of handlers have the run do for them, while they wait."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from orchestrator.errors import BusClosedError, StoppedError
from orchestrator.letterbox import Letterbox

T = TypeVar("T")


class Errands:
    """Runs coroutines for threads, in the task group of the run.

    Not in the handler's own asyncio.Task, as a `blocking.Bridge` does: what it was cut off from need not be done, what
    it has spent is gone and must be counted, whatever became of its attempt, and also for a thread that it made itself.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group, self._loop = group, asyncio.get_running_loop()
        self._letters = Letterbox()

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
        begin = functools.partial(self._begin, errand, task_id)
        came: T = self._letters.post(begin, StoppedError(task_id))
        return came

    def close(self) -> None:
        """Let no thread wait here any longer."""
        self._letters.close()

    # -- inside, on the loop alone: so the first word to a thread stands ---------------------------------------------

    def _begin(self, errand: Callable[[], Coroutine[Any, Any, T]], task_id: str, outcome: Future[T]) -> None:
        serving = self._serve(errand, outcome)
        try:
            self._group.create_task(serving, name=f"errand for {task_id}")
        except RuntimeError:  # the run is ending
            serving.close()
            self._letters.refuse(outcome)

    async def _serve(self, errand: Callable[[], Coroutine[Any, Any, T]], outcome: Future[T]) -> None:
        try:
            came = await errand()
        except BusClosedError:
            self._letters.refuse(outcome)
        except BaseException:  # right: raised again; the thread must not wait for what does not come
            self._letters.refuse(outcome)
            raise
        else:
            if not outcome.done():
                outcome.set_result(came)
