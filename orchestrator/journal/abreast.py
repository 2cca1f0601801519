"""Rows abreast: two runs of one journal compared inside SQLite, so that rows which are the same never leave it.

Making values of rows that turn out to be the same is most of what a comparison takes.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

_BODY: Final = b',"body":'
#: What stands before its body says when a row was, and no more. One that has no body is compared from its beginning.
_COMPARE: Final = """
SELECT count(*), group_concat(CASE
    WHEN CAST(replace(substr(a.row, instr(a.row, :body)), :name, :other) AS BLOB) <> substr(b.row, instr(b.row, :body))
    THEN a.sequence END)
FROM rows a CROSS JOIN rows b ON b.sequence = a.sequence + :apart
WHERE a.sequence BETWEEN :first AND :last AND a.run = :run_a AND b.run = :run_b AND a.topic <> :but AND b.topic <> :but
"""
_PAIRS: Final = """
SELECT a.sequence, a.row, b.row FROM rows a CROSS JOIN rows b ON b.sequence = a.sequence + ?
WHERE a.sequence IN (%s) ORDER BY a.sequence
"""


class Side(NamedTuple):
    """Rows of one run that are compared.

    Attributes:
        run: its name.
        first: sequence of the first row.
        name: how its rows say whose they are.
    """

    run: str
    first: int
    name: bytes


class Pair(NamedTuple):
    """Two rows that differ; `at` counts from the first of those that are compared, from 0."""

    at: int
    recorded: bytes
    actual: bytes


def compare_rows(
    connection: sqlite3.Connection, recorded: Side, actual: Side, size: int, *, but: str
) -> list[Pair] | None:
    """Return which of so many rows differ in their bytes, in order.

    Times are not compared, and the name of the recorded run, where its rows say whose they are, is taken for the
    other one. None where reading them is better: on one side there are not that many rows one after the other, or
    more than half of them differ.

    Args:
        connection: to the journal.
        recorded: one side.
        actual: the other one.
        size: how many rows.
        but: a topic that none of them may have.

    Raises:
        sqlite3.Error: if the file cannot be read.
    """
    apart, last = actual.first - recorded.first, recorded.first + size - 1
    where = {"first": recorded.first, "last": last, "apart": apart, "body": _BODY, "but": but}
    names = {"run_a": recorded.run, "run_b": actual.run, "name": recorded.name, "other": actual.name}
    count, differ = connection.execute(_COMPARE, where | names).fetchone()
    if count != size or (differ and differ.count(",") >= size // 2):
        return None
    rows = connection.execute(_PAIRS % differ, (apart,)) if differ else ()  # numbers that SQLite itself has told
    return [Pair(sequence - recorded.first, one, other) for sequence, one, other in rows]
