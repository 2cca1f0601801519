"""Batches: rows on their way into the file, in one transaction that checks who owns the run."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from orchestrator.errors import StaleOwnerError
from orchestrator.journal.ownership import Hold
from orchestrator.journal.rows import GENESIS, chain
from orchestrator.journal.schema import PATIENCE_MS

#: Rows of one statement, as far as there are so many: each statement costs a fifth of what it takes to store a row.
_TOGETHER: Final = 16
_COLUMNS: Final = 7
_MANY: Final = _TOGETHER * _COLUMNS
# A batch is all or nothing. So SQLite need not keep what a statement changed, in case that one alone is taken back.
_INSERT: Final = "INSERT OR ROLLBACK INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_MANY: Final = _INSERT + ", (?, ?, ?, ?, ?, ?, ?)" * (_TOGETHER - 1)
_HEAD: Final = "INSERT OR REPLACE INTO head (only, sequence, hash) VALUES (1, ?, ?)"

#: Topic, task, canonical row, measured.
Item = tuple[str, str, bytearray, bytearray]


def try_to_insert(connection: sqlite3.Connection, hold: Hold, batch: list[Item]) -> bool:
    """Insert a batch in a transaction left open; False if another process holds the lock.

    Raises:
        StaleOwnerError: if the run is somebody else's by now; nothing is written then.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise
    _insert(connection, hold, batch)
    return True


def write(connection: sqlite3.Connection, hold: Hold, batch: list[Item], *, inserted: bool) -> None:
    """Commit a batch that is inserted already, or else wait for the lock and insert it first.

    Raises:
        StaleOwnerError: as `try_to_insert`.
    """
    if not inserted:
        _begin(connection)
        _insert(connection, hold, batch)
    try:
        hold.renew(connection)
        connection.execute("COMMIT")
    except sqlite3.Error:
        roll_back(connection)
        raise


def beat(connection: sqlite3.Connection, hold: Hold) -> None:
    """Renew the lease in a transaction of its own; a file that is locked for long is tried again later.

    Raises:
        StaleOwnerError: if the run is somebody else's by now.
    """
    try:
        _begin(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return
        raise
    try:
        hold.check(connection)
        hold.renew(connection)
        connection.execute("COMMIT")
    except (sqlite3.Error, StaleOwnerError):
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Leave the transaction, if there is one."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute("PRAGMA busy_timeout=0")


def _insert(connection: sqlite3.Connection, hold: Hold, batch: list[Item]) -> None:
    try:
        hold.check(connection)
        head = connection.execute("SELECT sequence, hash FROM head").fetchone()
        sequence, last = head or (0, GENESIS)
        values: list[Any] = []
        for topic, task, canonical, measured in batch:
            sequence += 1
            last = chain(last, canonical)
            values += (sequence, hold.run, topic, task, canonical, bytearray(last), measured)
        _insert_values(connection, values)
        connection.execute(_HEAD, (sequence, last))
    except (sqlite3.Error, StaleOwnerError):
        roll_back(connection)
        raise


def _insert_values(connection: sqlite3.Connection, values: list[Any]) -> None:
    """Insert rows, given the values of all their columns one after the other."""
    rest = len(values) // _MANY * _MANY
    for at in range(0, rest, _MANY):
        connection.execute(_INSERT_MANY, values[at : at + _MANY])
    connection.executemany(_INSERT, [values[at : at + _COLUMNS] for at in range(rest, len(values), _COLUMNS)])
