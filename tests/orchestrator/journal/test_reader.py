import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError, JournalTamperedError
from orchestrator.journal import GENESIS, JournalReader, RunSummary, SqliteJournal, chain, verification
from orchestrator.journal.verification import Chain
from orchestrator.messages import Envelope

ROWS = 6


def envelope(n: int, at: float = 1.0) -> Envelope:
    return Envelope(str(n), "task.odd" if n % 2 else "task.even", f"t{n % 3}", "", at, {"n": n}, {"x_s": n / 2})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "a journal? #1 100%.db"

    async def main() -> None:
        for run, numbers in (("first", (1, 2, 3)), ("second", (4, 5, 6))):
            journal = SqliteJournal(path, run)
            for n in numbers:
                journal.append(envelope(n, at=10.0 * n))
            await journal.aclose()

    asyncio.run(main())
    return path


def edit(source: Path, target: Path, *statements: str) -> Path:
    shutil.copy(source, target)
    connection = sqlite3.connect(target)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return target


def verify(path: Path) -> None:
    with JournalReader(path) as reader:
        reader.verify()


def test_a_sound_journal_verifies(sound: Path) -> None:
    """The whole chain is recomputed from the first row to the head; a path may hold any character."""
    with JournalReader(sound) as reader:
        last = GENESIS
        for row in reader.rows():
            last = chain(last, row.canonical)
            assert row.hash == last
        verification = reader.verify()
    assert (verification.rows, verification.head) == (ROWS, last)


CHANGES: dict[str, Callable[[int], list[str]]] = {
    "content": lambda n: [f"UPDATE rows SET row = replace(row, '\"n\":', '\"m\":') WHERE sequence = {n}"],
    "hash": lambda n: [f"UPDATE rows SET hash = zeroblob(32) WHERE sequence = {n}"],
    "topic column": lambda n: [f"UPDATE rows SET topic = 'x' WHERE sequence = {n}"],
    "task column": lambda n: [f"UPDATE rows SET task = 'x' WHERE sequence = {n}"],
    "run column": lambda n: [f"UPDATE rows SET run = 'x' WHERE sequence = {n}"],
    "removed": lambda n: [f"DELETE FROM rows WHERE sequence = {n}"],
    "removed and closed up": lambda n: [
        f"DELETE FROM rows WHERE sequence = {n}",
        f"UPDATE rows SET sequence = sequence - 1 WHERE sequence > {n}",
    ],
    "tail cut": lambda n: [f"DELETE FROM rows WHERE sequence >= {n}"],
    "inserted": lambda n: [
        f"UPDATE rows SET sequence = -sequence WHERE sequence >= {n}",
        "UPDATE rows SET sequence = 1 - sequence WHERE sequence < 0",
        f"INSERT INTO rows SELECT {n}, run, topic, task, row, hash, measured FROM rows WHERE sequence = {n + 1}",
    ],
}


@pytest.mark.parametrize("at", range(1, ROWS + 1))
@pytest.mark.parametrize("change", CHANGES)
def test_tampering_with_any_row_is_found_and_the_row_named(sound: Path, tmp_path: Path, change: str, at: int) -> None:
    """A changed, removed or inserted row, a column that lies, or a cut tail: the first wrong row is named."""
    statements = [
        s.replace("replace(row,", "CAST(replace(CAST(row AS TEXT),").replace(") WHERE", ") AS BLOB) WHERE", 1)
        if "replace(row," in s
        else s
        for s in CHANGES[change](at)
    ]
    damaged = edit(sound, tmp_path / "j.db", *statements)
    with pytest.raises(JournalTamperedError) as caught:
        verify(damaged)
    # An inserted copy of a row is in its place: the row that it pushed aside is the first wrong one.
    assert caught.value.sequence == at + (change == "inserted")
    assert f"row {caught.value.sequence}" in str(caught.value)


async def test_in_a_large_journal_the_first_wrong_row_is_named_as_well(tmp_path: Path) -> None:
    """Of 10,000 rows, any that is changed, removed, swapped with the next, or cut off with all after it."""
    journal = SqliteJournal(tmp_path / "j.db", "r", durability="os-crash-may-lose")
    for n in range(10_000):
        journal.append(envelope(n))
    await journal.aclose()
    changes = (
        "UPDATE rows SET row = CAST(replace(CAST(row AS TEXT), '\"n\":', '\"m\":') AS BLOB) WHERE sequence = {n}",
        "DELETE FROM rows WHERE sequence = {n}",
        "UPDATE rows SET row = (SELECT row FROM rows WHERE sequence = {n} + 1) WHERE sequence = {n}",
        "DELETE FROM rows WHERE sequence >= {n}",
    )
    draw = random.Random(7)
    connection = sqlite3.connect(journal.path, isolation_level=None)
    for change in changes:
        for n in (1, 9_999, *draw.sample(range(2, 9_999), 4)):
            connection.execute("BEGIN")
            connection.execute(change.format(n=n))
            with pytest.raises(JournalTamperedError) as caught:
                verification.verify(connection, journal.path)
            assert caught.value.sequence == n
            connection.execute("ROLLBACK")
    assert verification.verify(connection, journal.path).rows == 10_000
    connection.close()


@pytest.mark.parametrize("at", range(1, ROWS))
def test_two_rows_that_changed_places_are_found(sound: Path, tmp_path: Path, at: int) -> None:
    """Order is by sequence number, and the chain holds it."""
    damaged = edit(
        sound,
        tmp_path / "j.db",
        f"UPDATE rows SET sequence = 100 WHERE sequence = {at}",
        f"UPDATE rows SET sequence = {at} WHERE sequence = {at + 1}",
        f"UPDATE rows SET sequence = {at + 1} WHERE sequence = 100",
    )
    with pytest.raises(JournalTamperedError) as caught:
        verify(damaged)
    assert caught.value.sequence == at


def test_a_row_added_at_the_end_with_a_right_hash_is_found(sound: Path, tmp_path: Path) -> None:
    """The head names the last row: one more is one that no run has written."""
    with JournalReader(sound) as reader:
        rows = list(reader.rows())
    path = edit(sound, tmp_path / "j.db")
    connection = sqlite3.connect(path)
    last = rows[-1]
    values = (ROWS + 1, last.run, last.envelope.topic, last.envelope.correlation_id, last.canonical)
    connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, NULL)", (*values, chain(last.hash, last.canonical)))
    connection.commit()
    connection.close()
    with pytest.raises(JournalTamperedError, match=f"row {ROWS + 1}: was added"):
        verify(path)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE head SET hash = zeroblob(32)", ROWS),
        ("UPDATE head SET sequence = 4", 5),
        ("DELETE FROM head", 1),
        ("DELETE FROM rows", 1),
    ],
)
def test_a_head_that_disagrees_is_found(sound: Path, tmp_path: Path, statement: str, row: int) -> None:
    """The head and the rows vouch for each other."""
    with pytest.raises(JournalTamperedError) as caught:
        verify(edit(sound, tmp_path / "j.db", statement))
    assert caught.value.sequence == row


def test_rows_can_be_picked_by_run_task_and_topic(sound: Path) -> None:
    """Any combination, always in the order of sequence, with what was measured beside."""

    def ids(**wanted: object) -> list[str]:
        with JournalReader(sound) as reader:
            return [row.envelope.id for row in reader.rows(**wanted)]  # type: ignore[arg-type]

    assert ids() == ["1", "2", "3", "4", "5", "6"]
    assert ids(run="second") == ["4", "5", "6"]
    assert ids(task="t0") == ["3", "6"]
    assert ids(topics=["task.odd"]) == ["1", "3", "5"]
    assert ids(run="first", task="t1", topics={"task.odd", "task.even"}) == ["1"]
    assert ids(run="nobody") == []
    with JournalReader(sound) as reader:
        assert next(reader.rows(task="t2")).envelope == envelope(2, at=20.0)


def test_runs_come_oldest_first_with_their_span(sound: Path) -> None:
    """Who, from when to when, how many rows."""
    with JournalReader(sound) as reader:
        assert reader.runs() == (RunSummary("first", 10.0, 30.0, 3), RunSummary("second", 40.0, 60.0, 3))


async def test_a_journal_can_be_read_and_verified_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees a whole state: rows that come in during verification are not damage."""
    journal = SqliteJournal(tmp_path / "j.db", "r", durability="os-crash-may-lose")
    journal.append(envelope(1))
    await journal.sync()
    with JournalReader(journal.path) as reader:
        rows = reader.rows()
        assert next(rows).envelope.id == "1"
        original, written = Chain.check_head, []

        def check_head(walk: Chain) -> None:  # between the rows and the head another process commits a row
            connection = sqlite3.connect(journal.path)
            connection.execute("UPDATE head SET sequence = 2, hash = zeroblob(32)")
            connection.commit()
            connection.close()
            written.append(walk.sequence)
            original(walk)

        monkeypatch.setattr(Chain, "check_head", check_head)
        assert reader.verify().rows == 1
        assert written
    await journal.aclose()


def text(path: Path) -> None:
    path.write_text("no database at all" * 100)


def empty(path: Path) -> None:
    path.write_text("")


def other(path: Path) -> None:
    edit_new(path, "CREATE TABLE customers (name)")


def newer(path: Path) -> None:
    edit_new(path, "CREATE TABLE rows (x)", "CREATE TABLE head (x)", "PRAGMA user_version=99")


def edit_new(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (text, "not a journal"),
        (empty, "not a journal"),
        (other, "not a journal, but another database"),
        (newer, "schema 99, but this version"),
        (lambda path: None, "there is no journal; run something first"),
        (lambda path: path.mkdir(), "there is no journal"),
    ],
    ids=["text", "empty", "other", "newer", "missing", "folder"],
)
def test_what_is_no_journal_of_this_version_is_refused(
    tmp_path: Path, make: Callable[[Path], None], problem: str
) -> None:
    """The error names the file and says what it is instead."""
    path = tmp_path / "j.db"
    make(path)
    with pytest.raises(JournalError, match=problem):
        JournalReader(path)


def test_a_file_damaged_below_sqlite_is_a_journal_error(sound: Path, tmp_path: Path) -> None:
    """Whatever SQLite says about a broken page is said under our own error type, with the path."""
    damaged = tmp_path / "j.db"
    content = bytearray(sound.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    damaged.write_bytes(content)
    with pytest.raises(JournalError, match=r"j\.db"), JournalReader(damaged) as reader:  # noqa: PT012 - raised on leaving
        list(reader.rows())
        reader.verify()


def test_a_row_that_cannot_be_decoded_is_refused(sound: Path, tmp_path: Path) -> None:
    """Reading never invents an envelope."""
    damaged = edit(sound, tmp_path / "j.db", "UPDATE rows SET row = x'7b7d' WHERE sequence = 2")
    with JournalReader(damaged) as reader, pytest.raises(JournalError, match="pointsman journal verify"):
        list(reader.rows())


def test_closing_twice_is_fine(sound: Path) -> None:
    """A context manager whose owner also closes it."""
    with JournalReader(sound) as reader:
        reader.close()
        with pytest.raises(JournalError, match="cannot be read"):
            reader.verify()
