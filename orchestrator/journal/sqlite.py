"""The journal in SQLite: one writer thread, group commit, WAL, fsync, rows chained by hash."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import orjson

from orchestrator.errors import JournalError
from orchestrator.journal.base import JournalStatistics
from orchestrator.journal.batch import Item, beat, try_to_insert, write
from orchestrator.journal.claim import Claim, let_go
from orchestrator.journal.faults import Place, remedy
from orchestrator.journal.ownership import LEASE_S
from orchestrator.journal.rows import encode
from orchestrator.journal.schema import Durability
from orchestrator.journal.threads import heard, to_its_end
from orchestrator.messages import Envelope

# Rows that nobody waits for are written this many seconds later at most.
_LINGER_S: Final = 0.01

# Of what may stand here, sqlite3 binds a bytearray as it is; for bytes and None it first looks for adapters, for longer
# than it takes to store them.
_NOTHING: Final = bytearray()


class SqliteJournal:
    """Appends envelopes to an SQLite file.

    `append` encodes at once and collects. As soon as somebody waits in `sync`, one thread writes all that was collected
    in one transaction; whatever comes during its fsync goes into the next. So many share the cost of one fsync, and
    the thread is woken once a transaction, not once a row.

    Full (`max_pending` rows not yet durable): `append` still takes the row and asks its caller to wait. A caller
    cancelled in `sync` leaves nothing behind; its rows are written all the same. After a failed write (disk full,
    read-only, I/O error) nothing is acknowledged any more: `append` and `sync` raise.

    Each transaction reads the last hash under the write lock, so several processes may append to one file, each to a
    run of its own: a journal owns its run from opening to `aclose`. Its thread beats three times a lease, whatever the
    loop does; each transaction checks that the epoch is still this one, and if somebody has taken the run over, writes
    nothing, acknowledges nothing and fails with `StaleOwnerError`.

    Attributes:
        path: the file.
        run: the run.
        epoch: how many owners the run has had, this one included; 0 for a writer that owns no run.
    """

    def __init__(
        self,
        path: str | Path,
        run: str,
        *,
        durability: Durability = "power-cut-safe",
        max_pending: int = 10_000,
        lease_s: float | None = LEASE_S,
        claim: Claim | None = None,
    ) -> None:
        """Open or create the file, take the run, start the writer. `open` does it without blocking the loop.

        Args:
            path: the file.
            run: the run.
            durability: what an acknowledged row survives.
            max_pending: rows not yet durable above which `append` asks its caller to wait.
            lease_s: seconds without a beat after which others may take the run. None appends without owning it: for
                words about a run, which its owner may be writing meanwhile.
            claim: on a run that is taken already.

        Raises:
            RunOwnedError: if another process has the run, or may have it.
            JournalError: if the file cannot be opened or was made by a newer version.
        """
        self.path, self.run = Path(path), run
        self._max_pending = max_pending
        if claim is None:
            claim = Claim(self.path, run, durability, lease_s)
            claim.attempt_once()
        self._connection, self._hold = claim.connection, claim.hold
        self.epoch, self._place = self._hold.epoch, Place(self.path)
        self._loop = asyncio.get_running_loop()
        self._write_now = heard(self._hand_over, self._report)
        self._write_next = heard(self._write_in_the_next_turn, self._report)
        self._batches: queue.SimpleQueue[tuple[list[Item], bool] | None] = queue.SimpleQueue()
        self._turn = threading.Lock()  # of the connection, between an idle thread's beat and the loop
        self._pending: list[Item] = []
        self._flush: asyncio.Handle | None = None
        self._writing = self._closed = False
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._appended = self._durable = self._commits = self._at_hand = 0
        self._failure: JournalError | None = None
        writer = heard(self._write_batches, self._broke)
        self._writer = threading.Thread(target=writer, name=f"journal {self.path.name}", daemon=True)
        self._writer.start()

    @classmethod
    async def open(
        cls,
        path: str | Path,
        run: str,
        *,
        durability: Durability = "power-cut-safe",
        max_pending: int = 10_000,
        lease_s: float | None = LEASE_S,
        wait_s: float | None = None,
    ) -> Self:
        """Open a journal without blocking the loop, and wait for the run where somebody seems to have it.

        Args:
            path: the file.
            run: the run.
            durability: what an acknowledged row survives.
            max_pending: as of the constructor.
            lease_s: as of the constructor.
            wait_s: seconds to wait at most; None waits until it is known whether the owner lives, two
                leases at most.

        A caller cancelled here has taken nothing.

        Raises:
            RunOwnedError: if its owner lives.
            JournalError: if the file cannot be opened or was made by a newer version.
        """
        claim = Claim(Path(path), run, durability, lease_s)
        await claim.attempt_for(wait_s)
        return cls(path, run, max_pending=max_pending, claim=claim)

    def append(self, envelope: Envelope) -> bool:
        """Take an envelope; False asks the caller to wait in `sync`.

        Raises:
            JournalError: if its body is not JSON, or the journal has failed or is closed.
        """
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise JournalError(f"{self.path}: the journal is closed")
        measured = bytearray(orjson.dumps(envelope.measured)) if envelope.measured else _NOTHING
        canonical = bytearray(encode(self.run, envelope))  # orjson's own bytes hold on to 4 KiB each
        self._pending.append((envelope.topic, envelope.correlation_id, canonical, measured))
        self._appended += 1
        if self._flush is None and not self._writing:
            self._flush = self._loop.call_later(_LINGER_S, self._write_now)
        return self._appended - self._durable < self._max_pending

    async def sync(self) -> None:
        """Wait until every row appended so far is on the disk.

        Raises:
            JournalError: if they could not be written.
        """
        if self._failure is not None:
            raise self._failure
        if self._durable >= self._appended:
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((self._appended, waiter))
        if not self._writing and len(self._waiters) == 1:
            self._flush_soon()
        await waiter

    async def aclose(self) -> None:
        """Write what is left, let go of the run, stop the writer, close the file; a second call does nothing.

        A caller cancelled here, however often, hears of it when all that is done.

        Raises:
            JournalError: if what was left could not be written.
        """
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._batches.put(None)
        await to_its_end(self._end, name=f"journal {self.path.name} ends")
        if self._failure is not None:
            raise self._failure

    def statistics(self) -> JournalStatistics:
        """Return the counts as of now."""
        return JournalStatistics(self._appended, self._durable, self._commits)

    # -- in the loop -------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        """Write at the end of the next turn of the loop: what others append until then shares the commit.

        Those whom the end of a task unlocks begin in the next turn: so a chain costs one commit a task, and not two.
        """
        if self._flush is not None:
            self._flush.cancel()
        self._flush = self._loop.call_soon(self._write_next)

    def _write_in_the_next_turn(self) -> None:
        self._flush = self._loop.call_soon(self._write_now)

    def _hand_over(self) -> None:
        """Insert everything that is pending, and give the writer the transaction to commit.

        Inserting here and not in the thread spares a change of threads for every row: sqlite3 lets go of the
        interpreter at each one. Where another process holds the lock, the thread waits for it and inserts.
        """
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if not self._pending or self._failure is not None:
            return
        batch, self._pending, self._writing = self._pending, [], True
        try:
            inserted = not self._closed and self._try_to_insert(batch)
        except Exception as error:  # noqa: BLE001 - as in the thread: whatever it is, those who wait must hear of it
            self._failed(self._not_written(len(batch), error))
            return
        self._batches.put((batch, inserted))

    def _try_to_insert(self, batch: list[Item]) -> bool:
        if not self._turn.acquire(blocking=False):
            return False
        try:
            return try_to_insert(self._connection, self._hold, batch)
        finally:
            self._turn.release()

    def _committed(self, rows: int) -> None:
        self._durable += rows
        self._commits += 1
        self._writing = False
        while self._waiters and self._waiters[0][0] <= self._durable:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._waiters:
            self._flush_soon()
        elif self._pending and not self._closed:
            self._flush = self._loop.call_later(_LINGER_S, self._write_now)

    def _report(self, error: Exception) -> None:
        self._failed(self._not_written(0, error))

    def _failed(self, failure: JournalError) -> None:
        self._failure = failure
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(failure)

    # -- in the writer thread ----------------------------------------------------------------------------------------

    def _write_batches(self) -> None:
        while (item := self._next_batch()) is not None:
            batch, inserted = item
            self._at_hand = len(batch)
            if batch:
                write(self._connection, self._hold, batch, inserted=inserted)
                self._place.check()
                self._tell(self._committed, len(batch))
            elif not self._beat():
                return

    def _broke(self, error: Exception) -> None:
        self._tell(self._failed, self._not_written(self._at_hand, error))

    def _next_batch(self) -> tuple[list[Item], bool] | None:
        """Return what is to be written next; an empty one when it is time to beat, None at the end."""
        try:
            return self._batches.get(timeout=self._hold.due_in())
        except queue.Empty:
            return [], False

    def _beat(self) -> bool:
        """Beat while nothing is written; False once the loop is gone, for then nobody can append any more."""
        with self._turn:
            if self._loop.is_closed():
                let_go(self._connection, self._hold)
                return False
            if not self._connection.in_transaction:  # else a batch is on its way, and its commit beats
                beat(self._connection, self._hold)
        return True

    def _end(self) -> None:
        self._writer.join()
        let_go(self._connection, self._hold)

    def _not_written(self, rows: int, error: Exception) -> JournalError:
        if isinstance(error, JournalError):
            return error
        what = f"run {self.run!r}: {rows} rows not written"
        return JournalError(f"{self.path}: {what}: {error}; {remedy(error)} and resume the run")

    def _tell(self, callback: Callable[..., None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(heard(callback, self._report), argument)
