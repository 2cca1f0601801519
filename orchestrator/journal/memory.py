"""The journal in memory: for tests and scenario runs, where a writer thread would make the order of things vary."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from orchestrator.errors import JournalError
from orchestrator.journal.base import JournalStatistics
from orchestrator.journal.rows import GENESIS, Row, chain, encode
from orchestrator.messages import Envelope


class MemoryJournal:
    """Keeps rows in a list. Nothing waits; `sync` returns at once. It is its run's first owner, and the only one."""

    epoch: Final = 1

    def __init__(self, run: str) -> None:
        self.run = run
        self.rows: list[Row] = []
        self._closed = False

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope.

        Raises:
            JournalError: if its body is not JSON, or the journal is closed.
        """
        if self._closed:
            raise JournalError("the journal is closed")
        canonical = bytes(memoryview(encode(self.run, envelope)))  # orjson's own bytes hold on to 4 KiB each
        previous = self.rows[-1].hash if self.rows else GENESIS
        self.rows.append(Row(len(self.rows) + 1, self.run, envelope, canonical, chain(previous, canonical)))
        return True

    async def sync(self) -> None:
        """Return: there is nothing to wait for."""

    async def aclose(self) -> None:
        """Refuse further rows."""
        self._closed = True

    def statistics(self) -> JournalStatistics:
        """Return the counts as of now."""
        return JournalStatistics(appended=len(self.rows), durable=0, commits=0)

    def select(self, *, run: str = "", task: str = "", topics: Collection[str] = ()) -> Iterator[Row]:
        """Yield rows in order, of one run, task or some topics only where these are given."""
        for row in self.rows:
            about = row.envelope
            if run in ("", row.run) and task in ("", about.correlation_id) and (not topics or about.topic in topics):
                yield row

    def export(self) -> bytes:
        """Return the rows as JSON Lines, canonical, each with a newline at its end."""
        return b"".join(row.canonical + b"\n" for row in self.rows)
