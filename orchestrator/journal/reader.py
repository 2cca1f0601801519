"""The journal's reader: what decisions, why, reports and verification look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.errors import JournalError
from orchestrator.journal.abreast import Pair, Side, compare_rows
from orchestrator.journal.read_only import open_read_only
from orchestrator.journal.rows import SCHEMA_VERSION, Row, decode
from orchestrator.journal.verification import Verification, verify


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in a journal: its id, time span in seconds since the epoch, and number of rows."""

    run: str
    first_at: float
    last_at: float
    rows: int


class JournalReader:
    """Reads a journal file, also while another process writes it; a context manager."""

    def __init__(self, path: str | Path) -> None:
        """Open the file read-only.

        Raises:
            JournalError: if there is no such file or it is not a journal of this version.
        """
        self.path = Path(path)
        self._begins: dict[str, int] = {}
        if not self.path.is_file():
            raise JournalError(f"{path}: there is no journal; run something first, for example `pointsman demo`")
        try:
            self._connection, version, tables = open_read_only(self.path)
        except sqlite3.Error as error:
            raise JournalError(f"{path}: not a journal: {error}; give the file that a run has written") from error
        if not {"rows", "head"} <= tables:
            self._connection.close()
            raise JournalError(f"{path}: not a journal, but another database; give the file that a run has written")
        if not 1 <= version <= SCHEMA_VERSION:
            self._connection.close()
            raise JournalError(
                f"{path}: schema {version}, but this version of pointsman reads 1 to {SCHEMA_VERSION}; upgrade it"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._connection.close()

    def runs(self) -> tuple[RunSummary, ...]:
        """Return the runs, the oldest first."""
        spans = self._select("SELECT run, min(sequence), max(sequence), count(*) FROM rows GROUP BY run ORDER BY 2")
        return tuple(RunSummary(run, self._at(first), self._at(last), count) for run, first, last, count in spans)

    def last(self) -> int:
        """Return the sequence number of the last row; 0 if there is none."""
        return int(next(self._select("SELECT coalesce(max(sequence), 0) FROM rows"))[0])

    def rows(self, *, run: str = "", task: str = "", topics: Collection[str] = (), after: int = 0) -> Iterator[Row]:
        """Yield rows in order of sequence, of one run, task or some topics, or after a row, where these are given.

        Raises:
            JournalError: if a row cannot be decoded or the file cannot be read.
        """
        clauses: dict[str, list[object]] = {"run = ?": [run] if run else [], "task = ?": [task] if task else []}
        clauses["sequence > ?"] = [after] if after else []
        if topics:
            clauses[f"topic IN ({', '.join('?' * len(topics))})"] = list(topics)
        where = " AND ".join(clause for clause, values in clauses.items() if values)
        values = [value for given in clauses.values() for value in given]
        query = f"SELECT sequence, run, row, hash, measured FROM rows {'WHERE ' + where if where else ''}"  # noqa: S608
        for sequence, name, canonical, digest, measured in self._select(f"{query} ORDER BY sequence", values):
            yield Row(sequence, name, decode(canonical, measured)[1], canonical, digest)

    def stored(self, *, run: str, but: str = "", size: int = 1024, after: int = 0) -> Iterator[list[tuple[int, bytes]]]:
        """Yield the rows of a run as they are stored, undecoded, with their sequence numbers; `size` at a time.

        Args:
            run: which one.
            but: a topic to leave out.
            size: rows in each list but the last.
            after: a row to begin after.

        Raises:
            JournalError: if the file cannot be read.
        """
        query = "SELECT sequence, row FROM rows WHERE sequence >= ? AND run = ? AND topic <> ? ORDER BY sequence"
        begin = max(self.begin_of(run), after + 1)
        try:
            cursor = self._connection.execute(query, (begin, run, but))
            while chunk := cursor.fetchmany(size):
                yield chunk
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: cannot be read: {error}") from error

    def stored_at(self, sequence: int) -> bytes:
        """Return a row as it is stored.

        Raises:
            JournalError: if there is none, or the file cannot be read.
        """
        for (canonical,) in self._select("SELECT row FROM rows WHERE sequence = ?", (sequence,)):
            return bytes(canonical)
        raise JournalError(f"{self.path}: there is no row {sequence}; run `pointsman journal verify`")

    def begin_of(self, run: str) -> int:
        """Return the first row of a run, which is looked for once; 0 if there is none as yet.

        There is no index of runs: without this, each pass over a run goes over all rows before it as well.
        """
        if run not in self._begins:
            query = "SELECT sequence FROM rows WHERE run = ? ORDER BY sequence LIMIT 1"
            self._begins.update((run, sequence) for (sequence,) in self._select(query, (run,)))
        return self._begins.get(run, 0)

    def compare(self, recorded: Side, actual: Side, size: int, *, but: str) -> list[Pair] | None:
        """Return which of so many rows of two runs differ, as `orchestrator.journal.abreast.compare_rows` does.

        Raises:
            JournalError: if the file cannot be read.
        """
        try:
            return compare_rows(self._connection, recorded, actual, size, but=but)
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: cannot be read: {error}") from error

    def find_runs(self, prefix: str) -> tuple[str, ...]:
        """Return the run of this name, or else those whose names begin so; none where there is none."""
        if self.begin_of(prefix):
            return (prefix,)
        query = "SELECT DISTINCT run FROM rows WHERE substr(run, 1, ?) = ? ORDER BY run"
        return tuple(name for (name,) in self._select(query, (len(prefix), prefix)))

    def verify(self, known: bytes | None = None) -> Verification:
        """Recompute the whole chain, as it was when this began: a run may go on writing meanwhile.

        Args:
            known: a head that was noted earlier, which some row must still have: nothing was cut off since then.

        Raises:
            JournalTamperedError: at the first row that was changed, removed, inserted or moved; names it.
        """
        self._begin()
        try:
            return verify(self._connection, self.path, known)
        finally:
            self._connection.rollback()

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: cannot be read: {error}") from error

    def _at(self, sequence: int) -> float:
        canonical = next(self._select("SELECT row FROM rows WHERE sequence = ?", (sequence,)))[0]
        return decode(canonical)[1].at

    def _select(self, query: str, values: Collection[object] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        try:
            for row in self._connection.execute(query, tuple(values)):  # noqa: UP028 - would close the cursor, too late
                yield row
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: cannot be read: {error}") from error
