"""Rows compared inside the journal: what comes of it is what comes of reading them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import PointsmanError
from orchestrator.journal import JournalReader
from orchestrator.journal.schema import open_file
from orchestrator.topics import TASK_JUDGED
from scenarios import abreast, matching
from scenarios.divergence import Comparison, compare
from scenarios.names import Names
from scenarios.track import JournalTrack, MemoryTrack
from tests.scenarios.recorded import record

RUNS = ("as-recorded", "another-name")
SAID = b'{"at":1,"body":{},"cause":"","id":"0","run":"?","task":"t","topic":"%b"}' % TASK_JUDGED.encode()
#: Bytes that come into a damaged row.
PUT = st.one_of(st.sampled_from([b"\0", b"\n", b'"', b',"body":', b"\xff", b"as-recorded/"]), st.binary(max_size=3))
KINDS = st.sampled_from(["drop", "twice", "swap", "later", "value", "damage", "span", "cut"])
CHANGES = st.lists(st.tuples(KINDS, st.integers(0, 10**6), PUT), max_size=4)
Changes = list[tuple[str, int, bytes]]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a stride be of half the run."""
    monkeypatch.setattr(abreast, "STRIDE", 34)
    monkeypatch.setattr(matching, "STRIDE", 34)


def rows_of(run: str) -> list[bytes]:
    """Return the rows of the run under a name."""
    return [row.canonical for row in record(run)]


def change(rows: list[bytes], kind: str, place: int, put: bytes) -> None:
    """Change one of the rows."""
    at = place % len(rows)
    row = rows[at]
    where = place % len(row)
    if kind == "drop" and len(rows) > 1:
        del rows[at]
    elif kind == "twice":
        rows.insert(at, row)
    elif kind == "swap" and at:
        rows[at - 1 : at + 1] = [row, rows[at - 1]]
    elif kind == "cut":
        rows[at] = row[:where] or b"{}"
    else:
        rows[at] = {
            "later": row.replace(b'{"at":', b'{"at":1', 1),
            "value": row.replace(b"1", b"2", 1 + place % 3),
            "span": row.replace(b'"span_id":"', b'"span_id":"0'),
        }.get(kind, row[:where] + put + row[where + len(put) :])


def write(path: Path, order: Iterator[tuple[str, bytes]] | list[tuple[str, bytes]]) -> None:
    """Write rows of runs into a journal, whatever they hold."""
    with closing(open_file(path, "os-crash-may-lose")) as connection:
        connection.execute("BEGIN")
        connection.execute("DELETE FROM rows")
        for run, row in order:
            topic = TASK_JUDGED if row == SAID else "t"
            values = (run, topic, "", row, bytes(32), None)
            connection.execute(
                "INSERT INTO rows (run, topic, task, row, hash, measured) VALUES (?, ?, ?, ?, ?, ?)", values
            )
        connection.execute("COMMIT")


def outcome(path: Path) -> Comparison | str:
    """Return what comparing says, or how it refuses."""
    with JournalReader(path) as reader:
        try:
            return compare(*(JournalTrack(reader, run) for run in RUNS))
        except PointsmanError as error:
            return str(error)


def passed_by(path: Path) -> int:
    """Return how many rows are compared inside the journal."""
    with JournalReader(path) as reader:
        found = abreast.strides(JournalTrack(reader, RUNS[0]), JournalTrack(reader, RUNS[1]), Names(*RUNS))
        return 34 * sum(1 for _ in found)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([4, 8, 34]), CHANGES, CHANGES, st.lists(st.integers(0, 10**6), max_size=2), st.booleans())
def test_what_is_said_is_what_reading_says(
    tmp_path: Path,
    size: int,
    mine: Changes,
    others: Changes,
    said: list[int],
    turns: bool,  # noqa: FBT001 - drawn
) -> None:
    """The same divergences, or the same refusal, of runs that were changed or damaged anyhow, wherever they stand."""
    recorded, actual = map(rows_of, RUNS)
    for rows, changes in ((recorded, mine), (actual, others)):
        for one in changes:
            change(rows, *one)
    for number, place in enumerate(said):
        rows = (recorded, actual)[number % 2]
        rows.insert(place % len(rows), SAID)
    order = [(run, row) for run, rows in zip(RUNS, (recorded, actual), strict=True) for row in rows]
    if turns:
        order.sort(key=lambda one: one[1][-40:])
    write(tmp_path / "j.db", order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(abreast, "STRIDE", size)
        patch.setattr(matching, "STRIDE", size)
        found = outcome(tmp_path / "j.db")
        patch.setattr(matching, "strides", lambda *_: iter(()))
        assert outcome(tmp_path / "j.db") == found


def test_rows_that_are_alike_are_passed_by(tmp_path: Path) -> None:
    """Of two runs of different names and times all whole strides; which rows stand where is known all the same."""
    recorded, actual = map(rows_of, RUNS)
    later = [row.replace(b'{"at":', b'{"at":9', 1) for row in actual]
    at = next(at for at, row in enumerate(later) if b'"paid":100' in row)
    later[at] = later[at].replace(b'"paid":100', b'"paid":900')
    write(tmp_path / "j.db", [*((RUNS[0], row) for row in recorded), *((RUNS[1], row) for row in later)])
    assert passed_by(tmp_path / "j.db") == len(recorded)
    found = outcome(tmp_path / "j.db")
    assert isinstance(found, Comparison)
    (told,) = found.divergences
    assert told.recorded is not None
    assert told.actual is not None
    assert (told.recorded.row, told.actual.row) == (at + 1, len(recorded) + at + 1)


@pytest.mark.parametrize(("said", "passed"), [(0, 0), (40, 34)])
def test_words_about_a_decision_end_it(tmp_path: Path, said: int, passed: int) -> None:
    """They are no rows of the run, so that those behind them are read; the runs are the same."""
    recorded, actual = map(rows_of, RUNS)
    actual.insert(said, SAID)
    write(tmp_path / "j.db", [*((RUNS[0], row) for row in recorded), *((RUNS[1], row) for row in actual)])
    assert passed_by(tmp_path / "j.db") == passed
    found = outcome(tmp_path / "j.db")
    assert isinstance(found, Comparison)
    assert found.same
    assert found.rows == (len(recorded), len(recorded))


def test_tracks_of_two_journals_are_read(tmp_path: Path) -> None:
    """As are files, and rows in memory: each journal has a run of the other's name, which is not meant."""
    for name, pages in (("a", b"1"), ("b", b"7")):
        rows = [(run, row.replace(b'"pages":1', b'"pages":' + pages)) for run in RUNS for row in rows_of(run)]
        write(tmp_path / name, rows)
    with JournalReader(tmp_path / "a") as reader, JournalReader(tmp_path / "b") as other:
        tracks = JournalTrack(reader, RUNS[0]), JournalTrack(other, RUNS[1])
        assert list(abreast.strides(*tracks, Names(*RUNS))) == []
        assert not compare(*tracks).same
        assert compare(tracks[0], MemoryTrack(record(RUNS[1]))).same
