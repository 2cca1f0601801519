"""The diagnosis: what is wrong with a journal file, what of it is still sound, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from orchestrator.errors import JournalError, JournalTamperedError
from orchestrator.journal.read_only import open_read_only
from orchestrator.journal.rows import SCHEMA_VERSION
from orchestrator.journal.verification import Chain

Kind = Literal["sound", "missing", "foreign", "newer", "log missing", "locked", "cut off", "damaged", "tampered"]

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
#: How long to wait for a process that has locked the file.
_PATIENCE_S: Final = 5.0
_RECOVER: Final = "keep the file as it is and copy what is sound with `pointsman journal recover OUT`"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found.

    Attributes:
        path: the file.
        kind: in one word.
        problem: what is wrong; empty if nothing is.
        rows: rows that are sound, counted from the first; None where nobody looked.
        advice: what to do; empty if nothing is wrong.
        row: number of the first row that is wrong, 0 where none can be named.
    """

    path: str
    kind: Kind
    problem: str = ""
    rows: int | None = None
    advice: str = ""
    row: int = 0

    def describe(self) -> str:
        """Return it as one line."""
        if self.kind == "sound":
            return f"{self.path}: sound" + ("" if self.rows is None else f", {self.rows} rows")
        sound = "" if self.rows is None else f"; {self.rows} rows before that are sound"
        return f"{self.path}: {self.kind}: {self.problem}{sound}; {self.advice}"


def examine(path: Path, *, deep: bool = True) -> Diagnosis:
    """Look at a journal file, from its header to its last row; nothing is raised.

    Args:
        path: the file.
        deep: whether to walk the chain and check each page, too: that takes seconds for a million rows.
    """
    found = _look_at_file(path)
    if found is not None:
        return found
    try:
        with reading(path) as connection:
            return _look_at_tables(connection, path) or _look_at_rows(connection, path, deep=deep)
    except sqlite3.Error as error:
        return _of_error(path, error, 0)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file read-only, also one that is shorter than its header says, in one snapshot."""
    connection, _, _ = open_read_only(path, patience_s=_PATIENCE_S, salvage=True)
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


def missing_bytes(path: Path) -> int:
    """Return how many bytes a file is shorter than its header says; 0 if a log may hold them."""
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        return 0
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    page = int.from_bytes(header[16:18], "big")
    return max(0, int.from_bytes(header[28:32], "big") * (65_536 if page == 1 else page) - path.stat().st_size)


def _look_at_file(path: Path) -> Diagnosis | None:
    if not path.is_file():
        return Diagnosis(str(path), "missing", "there is no such file", None, "give the file that a run has written")
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        return Diagnosis(str(path), "locked", f"cannot be read: {error.strerror}", None, "look at its permissions")
    if not header:
        return Diagnosis(str(path), "cut off", "the file is empty", 0, "put back a copy of it")
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        what = "it is no database, or its first page was overwritten"
        return Diagnosis(
            str(path), "foreign", what, 0, "give the file that a run has written, or put back a copy of it"
        )
    return None


def _look_at_tables(connection: sqlite3.Connection, path: Path) -> Diagnosis | None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        what = f"it has no tables yet, and {path.name}-wal, where they would be, is missing or empty"
        return Diagnosis(str(path), "log missing", what, 0, "put the two files side by side again")
    if not {"rows", "head"} <= tables:
        return Diagnosis(str(path), "foreign", "another database", None, "give the file that a run has written")
    if version > SCHEMA_VERSION:
        what = f"schema {version}, and this version of pointsman reads 1 to {SCHEMA_VERSION}"
        return Diagnosis(str(path), "newer", what, None, "upgrade pointsman")
    return None


def _look_at_rows(connection: sqlite3.Connection, path: Path, *, deep: bool) -> Diagnosis:
    short = missing_bytes(path)
    if not (deep or short):
        return Diagnosis(str(path), "sound")
    walk = Chain(connection, path)
    try:
        for _ in walk.walk():
            pass
        walk.check_head()
    except JournalTamperedError as error:
        if not short:
            return Diagnosis(str(path), "tampered", str(error).partition(": ")[2], walk.rows, _RECOVER, error.sequence)
    except JournalError as error:
        if not short:
            return _of_error(path, error.__cause__ or error, walk.rows)
    if short:
        what = f"{short} bytes are missing at its end"
        return Diagnosis(str(path), "cut off", what, walk.rows, _RECOVER, walk.sequence + 1)
    faults = [fault for (fault,) in connection.execute("PRAGMA quick_check(3)") if fault != "ok"]
    if faults:
        return Diagnosis(str(path), "damaged", " ".join("; ".join(faults).split()), walk.rows, _RECOVER)
    return Diagnosis(str(path), "sound", "", walk.rows)


def _of_error(path: Path, error: BaseException, rows: int) -> Diagnosis:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Diagnosis(str(path), "locked", f"{error}", None, "wait for the process that has locked it, or end it")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        what = f"{error}: reading a journal needs its folder to be writable, for the files beside it"
        return Diagnosis(str(path), "locked", what, None, "look at the permissions, or read a copy of file and -wal")
    return Diagnosis(str(path), "damaged", str(error), rows, _RECOVER, rows + 1)
