"""Salvage: the sound rows of a damaged journal, copied into a new one that verifies."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import JournalError
from orchestrator.journal.anchors import JOURNAL_RUN, append_anchors
from orchestrator.journal.diagnosis import reading
from orchestrator.journal.faults import remedy
from orchestrator.journal.schema import open_file
from orchestrator.journal.verification import Chain
from orchestrator.topics import JOURNAL_RECOVERED


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was copied.

    Attributes:
        rows: rows that were sound, from the first on.
        problem: why no more; empty where the whole journal was sound.
    """

    rows: int
    problem: str


def salvage(path: Path, out: Path) -> Salvaged:
    """Copy the rows of a journal up to the first that is wrong; the damaged file is left as it is.

    The rows keep numbers and hashes. One more is appended: where they come from, what was wrong, and anchors for what
    had been pruned. Whoever owned a run before does not own it in the copy; its epoch is kept.

    Raises:
        JournalError: if there is nothing to copy, or the copy is there already or cannot be written.
    """
    if not path.is_file():
        raise JournalError(f"{path}: there is no journal; give the file that a run has written")
    if out.exists():
        raise JournalError(f"{out}: is there already; nothing is overwritten, choose another name")
    try:
        with reading(path) as source, closing(open_file(out, "power-cut-safe")) as target:
            done = _copy(Chain(source, path), target, path)
            _copy_owners(source, target)
            target.execute("COMMIT")
    except sqlite3.Error as error:
        _remove(out)
        raise JournalError(f"{path}: not salvaged: {error}; {remedy(error)} and try again") from error
    except JournalError:
        _remove(out)
        raise
    return done


def _copy(walk: Chain, target: sqlite3.Connection, path: Path) -> Salvaged:
    target.execute("BEGIN IMMEDIATE")
    problem = ""
    try:
        for link in walk.walk():
            target.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", link)
        walk.check_head()
    except JournalError as error:
        problem = str(error)
    if not walk.rows:
        raise JournalError(f"{path}: no row is sound: {problem}; put back a copy of the file")
    values = (walk.sequence, walk.last)
    target.execute("INSERT OR REPLACE INTO head (only, sequence, hash) VALUES (1, ?, ?)", values)
    about = {"from": path.name, "rows": walk.rows, "problem": problem}
    append_anchors(target, JOURNAL_RECOVERED, about, walk.gone)
    return Salvaged(walk.rows, problem)


def _copy_owners(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Keep each run's epoch, so that an owner of before is stale in the copy as well."""
    target.execute("INSERT INTO owners SELECT DISTINCT run, 1, '', 0 FROM rows WHERE run <> ?", (JOURNAL_RUN,))
    with suppress(sqlite3.Error):  # version 1 has no such table, and a damaged file may have lost it
        known = source.execute("SELECT run, epoch, '', 0 FROM owners").fetchall()
        target.executemany("INSERT OR REPLACE INTO owners VALUES (?, ?, ?, ?)", known)


def _remove(out: Path) -> None:
    for file in (out, Path(f"{out}-wal"), Path(f"{out}-shm")):
        file.unlink(missing_ok=True)
