"""The journal in SQLite: one writer thread, group commit, WAL, fsync, rows chained by hash."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections import deque
from pathlib import Path
from typing import Final, Literal

import orjson

from orchestrator.errors import JournalError
from orchestrator.journal.base import JournalStatistics
from orchestrator.journal.rows import GENESIS, SCHEMA_VERSION, chain, encode
from orchestrator.messages import Envelope

Durability = Literal["power-cut-safe", "os-crash-may-lose"]

_SYNCHRONOUS: Final[dict[Durability, str]] = {"power-cut-safe": "FULL", "os-crash-may-lose": "NORMAL"}
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rows (
    sequence INTEGER PRIMARY KEY,
    run      TEXT NOT NULL,
    topic    TEXT NOT NULL,
    task     TEXT NOT NULL,
    row      BLOB NOT NULL,
    hash     BLOB NOT NULL,
    measured BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS rows_by_task ON rows (task) WHERE task <> '';
CREATE TABLE IF NOT EXISTS head (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER, hash BLOB) STRICT;
"""
_INSERT: Final = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
# Each page that a commit changed is two system calls; four times the usual size halves what a commit costs.
_PAGE_BYTES: Final = 16_384
# Rows that nobody waits for are written this many seconds later at most.
_LINGER_S: Final = 0.01
# How long the writer waits for another process to let go of the file.
_PATIENCE_MS: Final = 30_000

# Of what may stand here, sqlite3 binds a bytearray as it is; for bytes and None it first looks for adapters, for longer
# than it takes to store them.
_NOTHING: Final = bytearray()

_Item = tuple[str, str, bytearray, bytearray]


class SqliteJournal:
    """Appends envelopes to an SQLite file.

    `append` encodes at once and collects. As soon as somebody waits in `sync`, one thread writes all that was collected
    in one transaction; whatever comes during its fsync goes into the next. So many share the cost of one fsync, and
    the thread is woken once a transaction, not once a row.

    Full (`max_pending` rows not yet durable): `append` still takes the row and asks its caller to wait. A caller
    cancelled in `sync` leaves nothing behind; its rows are written all the same. After a failed write (disk full,
    read-only, I/O error) nothing is acknowledged any more: `append` and `sync` raise.

    Each transaction reads the last hash under the write lock, so several processes may append to one file.
    """

    def __init__(
        self,
        path: str | Path,
        run: str,
        *,
        durability: Durability = "power-cut-safe",
        max_pending: int = 10_000,
    ) -> None:
        """Open or create the file and start the writer.

        Raises:
            JournalError: if the file cannot be opened or was made by a newer version.
        """
        self.path, self.run = Path(path), run
        self._max_pending = max_pending
        self._connection = _open(self.path, durability)
        self._loop = asyncio.get_running_loop()
        self._batches: queue.SimpleQueue[tuple[list[_Item], bool] | None] = queue.SimpleQueue()
        self._pending: list[_Item] = []
        self._flush: asyncio.Handle | None = None
        self._writing = False
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._appended = self._durable = self._commits = 0
        self._failure: JournalError | None = None
        self._closed = False
        self._writer = threading.Thread(target=self._write_batches, name=f"journal {self.path.name}", daemon=True)
        self._writer.start()

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
            self._flush = self._loop.call_later(_LINGER_S, self._hand_over)
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
        """Write what is left, stop the writer, close the file; a second call does nothing.

        Raises:
            JournalError: if what was left could not be written.
        """
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._batches.put(None)
        await asyncio.to_thread(self._writer.join)
        self._connection.close()
        if self._failure is not None:
            raise self._failure

    def statistics(self) -> JournalStatistics:
        """Return the counts as of now."""
        return JournalStatistics(self._appended, self._durable, self._commits)

    # -- in the loop -------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        """Write at the end of this turn of the loop: what others append until then shares the commit."""
        if self._flush is not None:
            self._flush.cancel()
        self._flush = self._loop.call_soon(self._hand_over)

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
            inserted = not self._closed and _try_to_insert(self._connection, self.run, batch)
        except Exception as error:  # noqa: BLE001 - as in the thread: whatever it is, those who wait must hear of it
            self._failed(self._not_written(batch, error))
            return
        self._batches.put((batch, inserted))

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
            self._flush = self._loop.call_later(_LINGER_S, self._hand_over)

    def _failed(self, failure: JournalError) -> None:
        self._failure = failure
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(failure)

    # -- in the writer thread ----------------------------------------------------------------------------------------

    def _write_batches(self) -> None:
        while (item := self._batches.get()) is not None:
            batch, inserted = item
            try:
                _write(self._connection, self.run, batch, inserted=inserted)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                self._tell(self._failed, self._not_written(batch, error))
                return
            self._tell(self._committed, len(batch))

    def _not_written(self, batch: list[_Item], error: Exception) -> JournalError:
        return JournalError(f"{self.path}: {len(batch)} rows not written: {error}; free the disk and resume")

    def _tell(self, callback: object, argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, argument)  # type: ignore[arg-type]


def _open(path: Path, durability: Durability) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{path}: cannot be opened as a journal: {error}; choose another path") from error
    try:
        _prepare(connection, path, durability)
    except sqlite3.Error as error:
        connection.close()
        raise JournalError(f"{path}: cannot be opened as a journal: {error}; choose another path") from error
    except JournalError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    _check_is_ours(connection, path)
    connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file; one that exists keeps its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={_SYNCHRONOUS[durability]}")
    connection.execute("BEGIN IMMEDIATE")
    _check_is_ours(connection, path)  # again, now that nobody else can change it
    for statement in _SCHEMA.split(";")[:-1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA busy_timeout=0")  # the loop never waits for a lock


def _check_is_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a newer journal, and a database that is none: nothing is written into somebody else's file."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if (version or tables) and not {"rows", "head"} <= tables:
        raise JournalError(f"{path}: is a database, but no journal; choose another path")
    if version > SCHEMA_VERSION:
        raise JournalError(f"{path}: written by a newer version (schema {version}); upgrade pointsman to append")


def _try_to_insert(connection: sqlite3.Connection, run: str, batch: list[_Item]) -> bool:
    """Insert a batch in a transaction left open; False if another process holds the lock."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise
    _insert(connection, run, batch)
    return True


def _write(connection: sqlite3.Connection, run: str, batch: list[_Item], *, inserted: bool) -> None:
    """Commit a batch that is inserted already, or else wait for the lock and insert it first."""
    if not inserted:
        connection.execute(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("PRAGMA busy_timeout=0")
        _insert(connection, run, batch)
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        _roll_back(connection)
        raise


def _insert(connection: sqlite3.Connection, run: str, batch: list[_Item]) -> None:
    try:
        head = connection.execute("SELECT sequence, hash FROM head").fetchone()
        sequence, last = head or (0, GENESIS)
        rows = []
        for topic, task, canonical, measured in batch:
            sequence += 1
            last = chain(last, canonical)
            rows.append((sequence, run, topic, task, canonical, bytearray(last), measured))
        connection.executemany(_INSERT, rows)
        connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (sequence, last))
    except sqlite3.Error:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
