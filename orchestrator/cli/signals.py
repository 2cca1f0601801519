"""Signals: SIGTERM and Ctrl-C end a run in order, a second one ends it at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
#: Where asyncio cannot hear signals: the loop of another system raises the first (right: it is caught, not left over).
_DEAF: Final = (NotImplementedError, RuntimeError, ValueError)


class Interruption:
    """What a signal does to a run: a context manager, to be entered before the run begins.

    A second signal does what it does to any process. Where the loop cannot hear signals, they all do.

    Attributes:
        number: of the first signal that came; 0 for none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._cancel: Callable[[], object] = lambda: None

    def __enter__(self) -> Self:
        try:
            for number in _SIGNALS:
                self._loop.add_signal_handler(number, self._note, number)
        except _DEAF:
            self._stop_listening()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop_listening()

    async def guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do the work until it ends or a signal comes, which cancels it; whoever waits here goes on either way."""
        if self._came():
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a run is guarded inside an asyncio.Task")
        self._cancel = task.cancel
        try:
            await work()
        except asyncio.CancelledError:
            if not self._came():
                raise
            task.uncancel()
        finally:
            self._cancel = lambda: None

    def _came(self) -> bool:
        return self.number != 0

    def _note(self, number: int) -> None:
        self.number = number
        self._cancel()
        self._stop_listening()

    def _stop_listening(self) -> None:
        with suppress(*_DEAF):
            for number in _SIGNALS:
                self._loop.remove_signal_handler(number)
