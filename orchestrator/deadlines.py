"""Deadlines: cut off what takes too long, with one timer for all attempts of an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Deadlines:
    """Cancels asyncio.Tasks that have been at it for longer than a fixed number of seconds.

    All attempts of an agent have the same time, so they end in the order in which they began and one timer is enough:
    an attempt costs two dictionary operations, where `asyncio.timeout` costs a timer each.
    """

    def __init__(self, seconds: float, guard: Callable[[Callable[[], None]], Callable[[], None]] | None = None) -> None:
        """Start with nobody.

        Args:
            seconds: that everybody has.
            guard: around the timer's callback, so that somebody hears if it fails.
        """
        self.seconds = seconds
        self._ring = guard(self._cut_off) if guard else self._cut_off
        self._loop = asyncio.get_running_loop()
        self._running: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Give a task its time from now on."""
        at = self._loop.time() + self.seconds
        self._running[task] = at
        if self._timer is None:
            self._timer = self._loop.call_at(at, self._ring)

    def end(self, task: asyncio.Task[Any]) -> bool:
        """Take a task out, and return whether it was cut off; its cancellation is then no longer pending."""
        if self._running.pop(task, None) is not None:
            return False
        self._late.discard(task)
        task.uncancel()
        return True

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut_off(self) -> None:
        self._timer = None
        now = self._loop.time()
        for task, at in tuple(self._running.items()):
            if at > now:
                self._timer = self._loop.call_at(at, self._ring)
                return
            del self._running[task]
            self._late.add(task)
            task.cancel()
