"""Aside: one row of a run, written by another thread of the process that owns it, while its loop is blocked."""

from __future__ import annotations

import sqlite3

import orjson

from orchestrator.errors import JournalError
from orchestrator.journal.batch import write
from orchestrator.journal.ownership import Hold
from orchestrator.journal.rows import encode
from orchestrator.journal.schema import open_file
from orchestrator.journal.sqlite import SqliteJournal
from orchestrator.messages import Envelope


def write_aside(journal: SqliteJournal, envelope: Envelope) -> None:
    """Write an envelope and return once it is on the disk; blocks, and needs no event loop.

    Like all rows of the run it is refused once the run is somebody else's.

    Raises:
        StaleOwnerError: if it is.
        JournalError: if it cannot be written.
    """
    connection = open_file(journal.path, "power-cut-safe")
    measured = bytearray(orjson.dumps(envelope.measured)) if envelope.measured else bytearray()
    row = (envelope.topic, envelope.correlation_id, bytearray(encode(journal.run, envelope)), measured)
    try:
        write(connection, Hold(journal.path, journal.run, journal.epoch, lease_s=1.0), [row], inserted=False)
    except sqlite3.Error as error:
        raise JournalError(f"{journal.path}: run {journal.run!r}: a row aside was not written: {error}") from error
    finally:
        connection.close()
