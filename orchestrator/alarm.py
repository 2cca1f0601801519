"""The alarm: carries what failed in a callback of the event loop, or in a thread, which have no caller, to the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Alarm:
    """Whoever watches it fails of the first error that is reported to it; later ones are notes of the first."""

    def __init__(self) -> None:
        self._error: Exception | None = None
        self._rung = asyncio.Event()

    async def watch(self) -> None:
        """Wait for an error and raise it; return when closed."""
        await self._rung.wait()
        if self._error is not None:
            raise self._error

    def report(self, error: Exception) -> None:
        """Let the watcher fail of an error."""
        if self._error is None:
            self._error = error
        else:
            self._error.add_note(f"and after it {error!r}")
        self._rung.set()

    def guard(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Return a callback for the loop whose errors are reported here."""

        def run() -> None:
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - the loop would only log it, and whoever waits would wait on
                self.report(error)

        return run

    def guard_thread(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return what a thread is to run, whose errors are reported here; called in the loop."""
        loop = asyncio.get_running_loop()

        def run() -> None:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - as above: whatever ends the thread, somebody has to hear of it
                with suppress(RuntimeError):  # the loop is closed: the run is over
                    loop.call_soon_threadsafe(self.report, error)

        return run

    def close(self) -> None:
        """Let the watcher return."""
        self._rung.set()
