"""Verification: the whole chain of a journal, recomputed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from orchestrator.errors import JournalError, JournalTamperedError
from orchestrator.journal.anchors import Anchor, read_anchors
from orchestrator.journal.rows import GENESIS, chain, decode


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a whole sound chain.

    Attributes:
        rows: rows checked.
        head: the last hash; kept elsewhere, it later proves that nothing was cut off or rewritten.
        pruned: rows that are gone, and vouched for.
    """

    rows: int
    head: bytes
    pruned: int = 0


class Link(NamedTuple):
    """A row that follows from all before it."""

    sequence: int
    run: str
    topic: str
    task: str
    canonical: bytes
    hash: bytes
    measured: bytes | None


class Chain:
    """Walks along a chain from its first row; what it has yielded is sound.

    Attributes:
        sequence: of the last row that was walked over, those that are gone included.
        last: its hash.
        rows: rows that were there.
        gone: anchors that were used.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self.sequence, self.last, self.rows = 0, GENESIS, 0
        self.gone: list[Anchor] = []

    def walk(self) -> Iterator[Link]:
        """Yield the rows, each checked.

        Raises:
            JournalTamperedError: at the first row that was changed, removed, inserted or moved; names it.
            JournalError: if the file cannot be read any further.
        """
        try:
            anchors = read_anchors(self._connection, self._path)
            query = "SELECT sequence, run, topic, task, row, hash, measured FROM rows ORDER BY sequence"
            for row in self._connection.execute(query):
                link = Link(*row)
                self._jump(link.sequence, anchors)
                self._check(link)
                yield link
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: cannot be read beyond row {self.sequence}: {error}") from error

    def check_head(self) -> None:
        """Compare the end of the walk with the head.

        Raises:
            JournalTamperedError: if they disagree.
        """
        try:
            named, digest = self._connection.execute("SELECT sequence, hash FROM head").fetchone() or (0, GENESIS)
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: its head cannot be read: {error}") from error
        walked, path = self.sequence, self._path
        if named > walked:
            raise JournalTamperedError(path, walked + 1, f"is missing: the head names row {named} as the last")
        if named < walked:
            raise JournalTamperedError(path, named + 1, f"was added: the head names row {named} as the last")
        if digest != self.last:
            raise JournalTamperedError(path, walked, "is the last one, but not the one that the head names")

    def _jump(self, sequence: int, anchors: dict[int, Anchor]) -> None:
        while sequence != self.sequence + 1:
            anchor = anchors.get(self.sequence + 1)
            if anchor is None or not self.sequence < anchor.last < sequence:
                raise JournalTamperedError(self._path, self.sequence + 1, "is missing")
            self.sequence, self.last = anchor.last, anchor.hash
            self.gone.append(anchor)

    def _check(self, link: Link) -> None:
        if link.hash != chain(self.last, link.canonical):
            raise JournalTamperedError(self._path, link.sequence, "does not follow from the row before it")
        name, envelope = decode(link.canonical)
        if (name, envelope.topic, envelope.correlation_id) != (link.run, link.topic, link.task):
            raise JournalTamperedError(self._path, link.sequence, "has columns that disagree with its content")
        self.sequence, self.last = link.sequence, link.hash
        self.rows += 1


def verify(connection: sqlite3.Connection, path: Path, known: bytes | None = None) -> Verification:
    """Walk the whole chain and compare its end with the head.

    Args:
        connection: in a transaction, so that a run may go on writing meanwhile.
        path: for what is said of it.
        known: a head that was noted earlier; some row must still have it.

    Raises:
        JournalTamperedError: at the first row that is wrong, or that came after the head that was noted.
    """
    walk, met = Chain(connection, path), known is None or known == GENESIS
    for link in walk.walk():
        met = met or link.hash == known
    walk.check_head()
    if not met and not any(anchor.hash == known for anchor in walk.gone):
        raise JournalTamperedError(
            path, walk.sequence + 1, "is missing, or one before it was rewritten: no row has the head given"
        )
    return Verification(walk.rows, walk.last, sum(anchor.last - anchor.first + 1 for anchor in walk.gone))
