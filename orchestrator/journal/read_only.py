"""Reading only: a journal file opened so that nothing in it is changed, except what a crash left half-way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

#: How long to wait for another process to let go of the file.
PATIENCE_S: Final = 30.0
_MASK: Final = 0xFF  # extended result codes keep the primary one in their lowest byte


def open_read_only(
    path: Path, *, patience_s: float = PATIENCE_S, salvage: bool = False
) -> tuple[sqlite3.Connection, int, set[str]]:
    """Open a database; return the connection, the version and the names of what is in it.

    What a crash left half-way has to be put right before anybody can read it, and that is writing.

    Args:
        path: the file.
        patience_s: how long to wait for another process to let go of it.
        salvage: whether to read a file that is shorter than its header says, too.

    Raises:
        sqlite3.Error: if it cannot be read.
    """
    try:
        return _open(path, patience_s, salvage=salvage)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _MASK != sqlite3.SQLITE_READONLY:
            raise
    with closing(sqlite3.connect(path, timeout=patience_s)) as connection:
        connection.execute("SELECT name FROM sqlite_master").fetchall()
    return _open(path, patience_s, salvage=salvage)


def _open(path: Path, patience_s: float, *, salvage: bool) -> tuple[sqlite3.Connection, int, set[str]]:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=patience_s, isolation_level=None)
    try:
        if salvage:
            connection.execute("PRAGMA writable_schema=ON")  # or SQLite reads nothing at all of a file that was cut off
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return connection, version, {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except BaseException:  # right: raised again, with the file closed
        connection.close()
        raise
