"""The listener: hears what people answer, whichever process they say it to."""

from __future__ import annotations

import asyncio
import functools

from orchestrator.clock import Clock
from orchestrator.errors import BusClosedError
from orchestrator.journal import Journal, MemoryJournal, newer
from orchestrator.questions import Questions
from orchestrator.topics import TASK_ANSWERED


class Listener:
    """Looks for answers in the journal while tasks wait for them.

    An answer counts once it is on record, in the order of the record: so a run that goes on and one that is resumed
    follow the same one. A journal in memory has no other writer: it is looked at only when told of news.
    """

    def __init__(
        self, *, run: str, questions: Questions, journal: Journal, clock: Clock, every_s: float, after: int = 0
    ) -> None:
        """Prepare.

        Args:
            run: its id.
            questions: of the run; they are told.
            journal: of the run.
            clock: of the run.
            every_s: seconds between two looks while anybody waits.
            after: sequence number of a row up to which everything is known.
        """
        self._run, self._questions, self._journal, self._clock = run, questions, journal, clock
        self._every_s = None if isinstance(journal, MemoryJournal) else every_s
        self._after = after
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        questions.on_open = self._news.set

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin; the group owns the loop."""
        self._loop = group.create_task(self._listen(), name="listener")

    def stop(self) -> None:
        """Listen no more."""
        if self._loop is not None:
            self._loop.cancel()

    def look(self) -> None:
        """Look at once: there is an answer on record."""
        self._news.set()

    async def _listen(self) -> None:
        try:
            while True:
                await self._pause()
                look = functools.partial(newer, self._journal, self._run, (TASK_ANSWERED,), self._after)
                self._after, rows = await self._clock.run_blocking(look)
                for row in rows:
                    await self._questions.hear(row.envelope)
        except BusClosedError:  # the run has stopped
            return

    async def _pause(self) -> None:
        """Wait until it is time to look: for as long as it takes while nobody waits for an answer."""
        try:
            async with asyncio.timeout(self._every_s if self._questions.open else None):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
