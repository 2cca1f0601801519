"""Anchors: what vouches for rows that are no longer there, so that the chain goes on beyond them.

An anchor names a range of rows and the hash of its last one, to which the row after the range is chained. Anchors stand
in rows of the chain itself: whoever removes rows and says so moves the head, and whoever does not say so is found out.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from orchestrator.clock import SystemClock, new_envelope_id
from orchestrator.errors import JournalTamperedError
from orchestrator.journal.rows import GENESIS, chain, decode, encode
from orchestrator.messages import Envelope
from orchestrator.topics import JOURNAL_PRUNED, JOURNAL_RECOVERED

#: The name under which changes of the journal itself are on record: they belong to no run.
JOURNAL_RUN: Final = "journal"
_TOPICS: Final = (JOURNAL_PRUNED, JOURNAL_RECOVERED)
_ROWS: Final = """SELECT sequence, row, hash, (SELECT hash FROM rows AS r WHERE r.sequence = rows.sequence - 1)
    FROM rows WHERE topic IN (?, ?)"""
#: Ranges in one row at most: a row stays well below a megabyte.
_MOST_RANGES: Final = 1_000


class Anchor(NamedTuple):
    """A range of rows that is gone, and the hash of its last one."""

    first: int
    last: int
    hash: bytes


def ranges(rows: Iterable[tuple[int, bytes]]) -> list[Anchor]:
    """Return the fewest anchors for rows that will be gone, given sequence and hash in ascending order."""
    found: list[Anchor] = []
    for sequence, digest in rows:
        if found and found[-1].last == sequence - 1:
            found[-1] = Anchor(found[-1].first, sequence, digest)
        else:
            found.append(Anchor(sequence, sequence, digest))
    return found


def read_anchors(connection: sqlite3.Connection, path: Path) -> dict[int, Anchor]:
    """Return the anchors of a journal by their first row; of a damaged file, those on either side of the damage.

    Raises:
        JournalTamperedError: at a row of anchors that does not follow from the row before it.
    """
    found: dict[int, Anchor] = {}
    try:
        for row in connection.execute(f"{_ROWS} ORDER BY sequence", _TOPICS):
            found.update((anchor.first, anchor) for anchor in _anchors_of(path, *row))
    except sqlite3.Error:  # the walk along the rows comes to it, too, and says where
        for row in _from_the_end(connection):
            found.update((anchor.first, anchor) for anchor in _anchors_of(path, *row))
    return found


def _from_the_end(connection: sqlite3.Connection) -> Iterator[tuple[int, bytes, bytes, bytes | None]]:
    """Yield rows of anchors, the last first, as far as the file can be read; one by one, for sqlite3 looks ahead."""
    before = sys.maxsize
    with suppress(sqlite3.Error):
        while row := connection.execute(
            f"{_ROWS} AND sequence < ? ORDER BY sequence DESC LIMIT 1", (*_TOPICS, before)
        ).fetchone():
            yield row
            before = row[0]


def _anchors_of(path: Path, sequence: int, canonical: bytes, digest: bytes, before: bytes | None) -> list[Anchor]:
    if before is not None and chain(before, canonical) != digest:
        raise JournalTamperedError(path, sequence, "does not follow from the row before it")
    body = decode(canonical)[1].body
    try:
        return [Anchor(int(first), int(last), bytes.fromhex(digest)) for first, last, digest in body["ranges"]]
    except (KeyError, TypeError, ValueError) as error:
        raise JournalTamperedError(path, sequence, f"names no rows: {error!r}") from error


def append_anchors(
    connection: sqlite3.Connection, topic: str, about: Mapping[str, Any], anchors: Sequence[Anchor]
) -> None:
    """Append rows that hold anchors, in a transaction that is open; each bears what else is said of the change."""
    at = SystemClock().now()
    sequence, last = connection.execute("SELECT sequence, hash FROM head").fetchone() or (0, GENESIS)
    for part in _parts(anchors):
        body = {**about, "ranges": [[anchor.first, anchor.last, anchor.hash.hex()] for anchor in part]}
        canonical = encode(JOURNAL_RUN, Envelope(new_envelope_id(), topic, "", "", at, body))
        sequence, last = sequence + 1, chain(last, canonical)
        values = (sequence, JOURNAL_RUN, topic, "", canonical, last, b"")
        connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.execute("INSERT OR REPLACE INTO head (only, sequence, hash) VALUES (1, ?, ?)", (sequence, last))


def _parts(anchors: Sequence[Anchor]) -> Iterator[Sequence[Anchor]]:
    yield anchors[:_MOST_RANGES]
    for begin in range(_MOST_RANGES, len(anchors), _MOST_RANGES):
        yield anchors[begin : begin + _MOST_RANGES]
