"""Owns the strides: rows of two runs that stand one after the other in a journal, compared inside it by many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.journal import Pair, Side
from orchestrator.topics import TASK_JUDGED
from scenarios.names import Names
from scenarios.track import JournalTrack, Track

#: Rows of a stride.
STRIDE: Final = 4096


def strides(recorded: Track, actual: Track, names: Names) -> Iterator[list[Pair]]:
    """Yield, for each `STRIDE` rows from the first ones on, which of them differ; end where that cannot be told.

    It cannot where the tracks are not of one journal, rows of another run or words about a decision stand in between,
    most rows differ, or fewer are left. Rows that were compared so count as yielded by their tracks.

    Raises:
        PointsmanError: if the journal cannot be read.
    """
    if not (isinstance(recorded, JournalTrack) and isinstance(actual, JournalTrack)):
        return
    reader, at = recorded.reader, 0
    if reader is not actual.reader:
        return
    begins = reader.begin_of(recorded.run), reader.begin_of(actual.run)
    while True:
        one = Side(recorded.run, begins[0] + at, names.fields[0])
        other = Side(actual.run, begins[1] + at, names.fields[1])
        differ = reader.compare(one, other, STRIDE, but=TASK_JUDGED)
        if differ is None:
            return
        recorded.pass_by(at, one.first, STRIDE)
        actual.pass_by(at, other.first, STRIDE)
        yield differ
        at += STRIDE
