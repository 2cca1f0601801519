"""The schema: the tables of a journal file, their version, and how a file is opened for writing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final, Literal

from orchestrator.errors import JournalError
from orchestrator.journal.faults import remedy
from orchestrator.journal.rows import SCHEMA_VERSION

Durability = Literal["power-cut-safe", "os-crash-may-lose"]

SYNCHRONOUS: Final[dict[Durability, str]] = {"power-cut-safe": "FULL", "os-crash-may-lose": "NORMAL"}
# Each page that a commit changed is two system calls; four times the usual size halves what a commit costs.
_PAGE_BYTES: Final = 16_384
# How long to wait for another process to let go of the file.
PATIENCE_MS: Final = 30_000

_TO_1: Final = (
    """CREATE TABLE IF NOT EXISTS rows (
    sequence INTEGER PRIMARY KEY,
    run      TEXT NOT NULL,
    topic    TEXT NOT NULL,
    task     TEXT NOT NULL,
    row      BLOB NOT NULL,
    hash     BLOB NOT NULL,
    measured BLOB
) STRICT""",
    "CREATE INDEX IF NOT EXISTS rows_by_task ON rows (task) WHERE task <> ''",
    "CREATE TABLE IF NOT EXISTS head (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER, hash BLOB) STRICT",
)
_TO_2: Final = (
    """CREATE TABLE owners (
    run   TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    owner TEXT NOT NULL,
    beat  INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "INSERT INTO owners SELECT DISTINCT run, 1, '', 0 FROM rows",  # version 1 had no owners
    # A writer of version 1 that is still at it names no columns, so one more refuses it: it would heed no epoch.
    "ALTER TABLE head ADD COLUMN fence INTEGER",
)
#: The version that brought the table of owners.
OWNERS_SINCE: Final = 2
#: What leads to each version from the one before it.
MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {1: _TO_1, 2: _TO_2}


def open_file(path: Path, durability: Durability) -> sqlite3.Connection:
    """Open or create a journal for writing, and bring an older one to this version in one transaction.

    Raises:
        JournalError: if the file cannot be opened, is no journal, or was made by a newer version.
    """
    try:
        _make_folder(path.parent)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_MS / 1000)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"{path}: cannot be opened as a journal: {error}; choose another path") from error
    try:
        _prepare(connection, path, durability)
    except BaseException as error:  # right: raised again, with the file closed
        connection.close()
        if isinstance(error, sqlite3.Error):
            what = f"cannot be opened as a journal: {error}"
            raise JournalError(f"{path}: {what}; {remedy(error)}, or choose another path") from error
        raise
    return connection


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it so that a power cut cannot take them back."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "posix":
        for made in missing:
            descriptor = os.open(made.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    version = _version_of_ours(connection, path)
    connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new file; one that exists keeps its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={SYNCHRONOUS[durability]}")
    if version < SCHEMA_VERSION:
        _migrate(connection, path)
    connection.execute("PRAGMA busy_timeout=0")  # the loop never waits for a lock


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    version = _version_of_ours(connection, path)  # again, now that nobody else can change it
    for target in range(version + 1, SCHEMA_VERSION + 1):
        for statement in MIGRATIONS[target]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={target}")
    connection.execute("COMMIT")


def _version_of_ours(connection: sqlite3.Connection, path: Path) -> int:
    """Refuse a newer journal, and a database that is none: nothing is written into somebody else's file."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if (version or tables) and not {"rows", "head"} <= tables:
        raise JournalError(f"{path}: is a database, but no journal; choose another path")
    if version > SCHEMA_VERSION:
        raise JournalError(f"{path}: written by a newer version (schema {version}); upgrade pointsman to append")
    return version
