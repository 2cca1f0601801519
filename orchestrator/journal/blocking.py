"""The blocking journal: one whose `sync` holds the loop up, so that a disk never decides what happens next."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from orchestrator.errors import JournalError
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.ownership import LEASE_S
from orchestrator.journal.schema import Durability
from orchestrator.journal.sqlite import SqliteJournal
from orchestrator.messages import Envelope

T = TypeVar("T")


class BlockingJournal(MemoryJournal):
    """Writes a run to an SQLite file, and keeps its rows in memory as well: for runs that are recorded.

    An `SqliteJournal` in a thread and a loop of its own does the writing. Seen from the run it is a journal in memory,
    in which nothing waits; `sync` returns when everything is on the disk, and nothing else happens meanwhile. So a
    run takes as long as its disk, one fsync after the other, and goes the same way whatever that takes.
    """

    def __init__(self, path: Path, run: str, *, durability: Durability, lease_s: float = LEASE_S) -> None:
        """Open or create the file and take the run.

        Raises:
            RunOwnedError: if another process has the run.
            JournalError: if the file cannot be opened.
        """
        super().__init__(run)
        self.path = path
        self._new: list[Envelope] = []
        self._elsewhere = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._elsewhere.run_forever, name=f"journal {path.name}", daemon=True)
        self._thread.start()
        self._open = True
        try:
            opening = functools.partial(SqliteJournal.open, path, run, durability=durability, lease_s=lease_s)
            self._inner = self._there(opening)
        except BaseException:  # right: raised again; the thread must not stay
            self._leave()
            raise
        if self._inner.epoch > 1:
            self.__exit__()
            raise JournalError(f"run {run!r} is in {path} already; give the new one another name")

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope.

        Raises:
            JournalError: if its body is not JSON, or the journal is closed.
        """
        return self.keep(envelope, envelope)

    def keep(self, envelope: Envelope, written: Envelope) -> bool:
        """Take an envelope, and write it otherwise: the run reads it as it is, the file never holds that.

        Raises:
            JournalError: if its body is not JSON, or the journal is closed.
        """
        super().append(envelope)
        self._new.append(written)
        return True

    async def sync(self) -> None:
        """Return when every row is on the disk; nothing else happens meanwhile.

        Raises:
            JournalError: if they could not be written.
        """
        self.flush()

    def flush(self) -> None:
        """Write every row to the disk.

        Raises:
            JournalError: if they could not be written.
        """
        new, self._new = self._new, []
        self._there(functools.partial(self._write, new))

    async def aclose(self) -> None:
        """Write what is left and close; a second call does nothing.

        Raises:
            JournalError: if what was left could not be written.
        """
        await super().aclose()
        if not self._open:
            return
        try:
            self.flush()
        finally:
            try:
                self._there(self._inner.aclose)
            finally:
                self._leave()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what a run did not come to close."""
        if self._open:
            self._there(self._inner.aclose)
            self._leave()

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _write(self, rows: list[Envelope]) -> None:
        for envelope in rows:
            if not self._inner.append(envelope):
                await self._inner.sync()
        await self._inner.sync()

    def _there(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(work(), self._elsewhere).result()

    def _leave(self) -> None:
        self._open = False
        self._elsewhere.call_soon_threadsafe(self._elsewhere.stop)
        self._thread.join()
        self._elsewhere.close()
