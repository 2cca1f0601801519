"""Bounded journal: that of one run of a scenario; steps wait for its rows, and it ends a run that would not end."""

from __future__ import annotations

import asyncio
from typing import Final

from orchestrator.errors import JournalError, PointsmanError
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Envelope
from orchestrator.stuck import describe_stuck
from orchestrator.topics import RUN_STUCK
from scenarios.when import After

MAX_ROWS: Final = 100_000  # a run whose agents add tasks for ever ends here


class BoundedJournal(MemoryJournal):
    """A journal that stops a run which does not end, or in which nothing happens any more."""

    def __init__(self, run: str) -> None:
        super().__init__(run)
        self._news = asyncio.Event()

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope.

        Raises:
            JournalError: if there are too many, or this one says that the run is stuck.
        """
        if len(self.rows) >= MAX_ROWS:
            raise JournalError(f"the run has more than {MAX_ROWS} rows; does an agent add tasks for ever?")
        if envelope.topic == RUN_STUCK:
            raise JournalError(f"the run is stuck: {describe_stuck(envelope.body)}")
        taken = super().append(envelope)
        self._news.set()
        return taken

    async def heard(self, after: After) -> None:
        """Return once there are such rows; at once, if they have been there for long.

        Raises:
            PointsmanError: if there are none in its time.
        """
        try:
            async with asyncio.timeout(after.within_s):
                await self._wait(after)
        except TimeoutError:
            about = f"{after.topic} of task {after.task!r}" if after.task else after.topic
            problem = f"a step waits for {about}, and there was no such row within {after.within_s:g} s"
            raise PointsmanError(f"{problem}; correct `after`, or give it more with `within_s`") from None

    async def _wait(self, after: After) -> None:
        seen = found = 0
        while True:
            while seen < len(self.rows):
                found += after.passes(self.rows[seen].envelope)
                seen += 1
                if found == after.times:
                    return
            self._news.clear()
            await self._news.wait()
