"""Pruning: whole finished runs leave a journal, in one transaction, and their anchors stay."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.errors import JournalError
from orchestrator.journal.anchors import JOURNAL_RUN, append_anchors, ranges
from orchestrator.journal.faults import remedy
from orchestrator.journal.ownership import Owner
from orchestrator.journal.process import Process
from orchestrator.journal.read_only import open_read_only
from orchestrator.journal.rows import decode
from orchestrator.journal.schema import OWNERS_SINCE, PATIENCE_MS, open_file
from orchestrator.messages import Envelope
from orchestrator.topics import JOURNAL_PRUNED, RUN_STOPPED, TASK_REVIVED

#: Runs named in one row at most; their number is told in any case.
_MOST_NAMES: Final = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands.

    Attributes:
        run: its id.
        last_at: seconds since the epoch, of its last row.
        rows: how many it has.
        obstacle: why it must stay; empty where it may go.
    """

    run: str
    last_at: float
    rows: int
    obstacle: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runs are to go.

    Attributes:
        keep: the newest so many stay, whatever their age.
        before: only runs whose last row is older than this, in seconds since the epoch.
        runs: only these; empty for any.
    """

    keep: int = 0
    before: float | None = None
    runs: tuple[str, ...] = ()

    def of(self, standings: Sequence[Standing]) -> list[Standing]:
        """Return the runs that it names, those that must stay included.

        Args:
            standings: of all runs, the newest first.
        """
        old_enough = (one for one in standings[self.keep :] if self.before is None or one.last_at < self.before)
        return [one for one in old_enough if not self.runs or one.run in self.runs]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning did, or would do.

    Attributes:
        gone: runs that left.
        kept: runs that were to go and must stay, with the obstacle.
        rows: how many rows left.
        bytes_before: size of the file and its log.
        bytes_after: the same, afterwards.
        unshrunk: why the file could not be made smaller yet; empty where it was. Its free pages are used again.
    """

    gone: tuple[Standing, ...]
    kept: tuple[Standing, ...]
    rows: int
    bytes_before: int
    bytes_after: int
    unshrunk: str = ""


def survey(connection: sqlite3.Connection) -> list[Standing]:
    """Return how each run stands, the newest first; what belongs to no run is left out."""
    query = """SELECT run, max(sequence), count(*), max(CASE WHEN topic = ? THEN sequence END)
        FROM rows WHERE run NOT IN (?, ?) GROUP BY run ORDER BY 2 DESC"""
    owned, standings = _owned(connection), []
    for run, last, rows, stopped in connection.execute(query, (RUN_STOPPED, JOURNAL_RUN, "models")).fetchall():
        obstacle = owned.get(run) or _unfinished(connection, run, stopped)
        standings.append(Standing(run, _decoded(connection, last).at, rows, obstacle))
    return standings


def prune(path: Path, choice: Choice, *, dry: bool = False) -> Pruned:
    """Remove whole finished runs from a journal and make its file smaller.

    Killed at any moment, it has removed all of them or none, and the chain verifies. Runs that are unfinished or owned
    stay. A file that a run is writing, or that the disk has no room to rewrite, keeps its size.

    Raises:
        JournalError: if there is no such journal, or it cannot be written.
    """
    if not path.is_file():
        raise JournalError(f"{path}: there is no journal; run something first, for example `pointsman demo`")
    with _told(path), closing(_open(path, dry=dry)) as connection:
        before = size(path)
        connection.execute("BEGIN" if dry else "BEGIN IMMEDIATE")
        chosen = choice.of(survey(connection))
        gone = tuple(one for one in chosen if not one.obstacle)
        kept = tuple(one for one in chosen if one.obstacle)
        rows = sum(one.rows for one in gone)
        if dry or not gone:
            connection.execute("ROLLBACK")
            return Pruned(gone, kept, rows, before, before)
        _remove(connection, [one.run for one in gone], rows)
        connection.execute("COMMIT")
        unshrunk = _shrink(connection)
        return Pruned(gone, kept, rows, before, size(path), unshrunk)


def size(path: Path) -> int:
    """Return the bytes of a journal and its log."""
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())


def _open(path: Path, *, dry: bool) -> sqlite3.Connection:
    if dry:
        return open_read_only(path)[0]
    connection = open_file(path, "power-cut-safe")
    connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    return connection


def _remove(connection: sqlite3.Connection, runs: Sequence[str], rows: int) -> None:
    connection.execute("CREATE TEMP TABLE going (run TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO going VALUES (?)", [(run,) for run in runs])
    going = "FROM rows WHERE run IN (SELECT run FROM going)"
    anchors = ranges(connection.execute(f"SELECT sequence, hash {going} ORDER BY sequence"))
    connection.execute(f"DELETE {going}")
    connection.execute("DROP TABLE going")
    about = {"runs": list(runs[:_MOST_NAMES]), "count": len(runs), "rows": rows}
    append_anchors(connection, JOURNAL_PRUNED, about, anchors)


def _shrink(connection: sqlite3.Connection) -> str:
    """Rewrite the file without its free pages; return why not, where that is not possible now."""
    owned = _owned(connection)
    if owned:
        return f"run {min(owned)!r} is being written; prune again when it has ended"
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        return f"{error}; {remedy(error)} and prune again"
    return ""


def _owned(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the runs that are somebody's, and whose; in a file of version 1, nobody's."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < OWNERS_SINCE:
        return {}
    owners = (Owner(*row) for row in connection.execute("SELECT run, epoch, owner, beat FROM owners WHERE owner <> ''"))
    living = (owner for owner in owners if not Process.from_text(owner.owner).is_known_to_be_gone())
    return {owner.run: f"belongs to {owner.describe()}" for owner in living}


def _unfinished(connection: sqlite3.Connection, run: str, stopped: int | None) -> str:
    """Say what is open of a run; what people said after it had stopped does not open it again."""
    if stopped is None:
        return "has not stopped, resume it first"
    later = connection.execute("SELECT row, topic FROM rows WHERE run = ? AND sequence > ?", (run, stopped)).fetchall()
    if any(topic == TASK_REVIVED for _, topic in later):
        return "has a dead letter that is to be tried again, resume it first"
    if any(not decode(canonical)[1].id.startswith("x") for canonical, _ in later):
        return "was resumed and has not stopped, resume it first"
    left: Collection[object] = _decoded(connection, stopped).body.get("unfinished", ())
    return f"has {len(left)} unfinished tasks, resume it first" if left else ""


def _decoded(connection: sqlite3.Connection, sequence: int) -> Envelope:
    return decode(connection.execute("SELECT row FROM rows WHERE sequence = ?", (sequence,)).fetchone()[0])[1]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"{path}: not pruned: {error}; {remedy(error)} and try again") from error
