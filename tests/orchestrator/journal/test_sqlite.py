import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.errors import JournalError, NotJsonError
from orchestrator.journal import Durability, JournalReader, MemoryJournal, SqliteJournal, sqlite
from orchestrator.journal.batch import write
from orchestrator.journal.ownership import Hold
from orchestrator.messages import Envelope
from orchestrator.testing import until_blocked


def envelope(n: int, body: dict[str, Any] | None = None) -> Envelope:
    return Envelope(str(n), "task.x", f"t{n}", "", 1.0, {"n": n} if body is None else body, {"x_s": 0.5})


def rows_on_disk(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])
    finally:
        connection.close()


class Gate:
    """Stands before the real write until it is opened, or fails in its place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.open = threading.Event()
        self.batches: list[int] = []
        self._error, self._write = error, write
        monkeypatch.setattr(sqlite, "write", self)

    def __call__(self, connection: sqlite3.Connection, hold: Hold, batch: list[Any], *, inserted: bool) -> None:
        assert self.open.wait(30)
        self.batches.append(len(batch))
        if self._error is not None:
            raise self._error
        self._write(connection, hold, batch, inserted=inserted)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
BODIES = st.dictionaries(
    TEXT, st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT | st.lists(TEXT), max_size=3
)


@hypothesis_settings(max_examples=15)
@given(bodies=st.lists(BODIES, max_size=8))
def test_it_agrees_with_the_journal_in_memory_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[dict[str, Any]]
) -> None:
    """Whatever JSON is appended comes back as it was, with the hashes that the other implementation has."""
    path = tmp_path_factory.mktemp("j") / "journal.db"
    memory = MemoryJournal("r")

    async def main() -> None:
        journal = SqliteJournal(path, "r", durability="os-crash-may-lose")
        for n, body in enumerate(bodies):
            journal.append(envelope(n, body))
            memory.append(envelope(n, body))
        await journal.aclose()

    asyncio.run(main())
    with JournalReader(path) as reader:
        assert list(reader.rows()) == memory.rows
        assert reader.verify().rows == len(bodies)


async def test_sync_returns_after_the_commit_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a second connection cannot read yet has not been acknowledged."""
    gate = Gate(monkeypatch)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    async with asyncio.TaskGroup() as group:
        syncing = group.create_task(journal.sync())
        await until_blocked()
        assert not syncing.done()
        assert rows_on_disk(journal.path) == 0
        gate.open.set()
        await syncing
        assert rows_on_disk(journal.path) == 1
    await journal.sync()  # nothing is pending: returns at once
    await journal.aclose()


async def test_whatever_happens_during_one_commit_shares_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group commit: 100 appends that wait for a slow disk cost two transactions."""
    gate = Gate(monkeypatch)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(journal.sync())
        while not journal._writing:  # no event says that the writer has the first
            await until_blocked()
        for n in range(1, 100):
            journal.append(envelope(n))
            group.create_task(journal.sync())
        await until_blocked()
        gate.open.set()
    assert gate.batches == [1, 99]
    counts = journal.statistics()
    assert (counts.appended, counts.durable, counts.commits) == (100, 100, 2)
    await journal.aclose()


async def test_those_whom_the_end_of_a_task_wakes_share_its_commit(tmp_path: Path) -> None:
    """Who waits for the row with the end, and who waits one turn of the loop later: a chain costs one commit a task."""
    journal = SqliteJournal(tmp_path / "j.db", "r")

    async def append_and_sync(n: int, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        journal.append(envelope(n))
        await journal.sync()

    for n in range(0, 20, 2):
        async with asyncio.TaskGroup() as group:
            group.create_task(append_and_sync(n, 0))
            group.create_task(append_and_sync(n + 1, 1))
    counts = journal.statistics()
    await journal.aclose()
    assert (counts.durable, counts.commits) == (20, 10)


async def test_rows_reach_the_disk_though_nobody_waits_for_them(tmp_path: Path) -> None:
    """A fact that nobody syncs is written soon all the same, and so is what came during that write."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    for n in range(3):
        journal.append(envelope(n))
        while journal.statistics().durable <= n:
            await until_blocked()
    assert rows_on_disk(journal.path) == 3
    await journal.aclose()


async def test_too_many_pending_rows_ask_the_caller_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is taken all the same: back-pressure loses nothing."""
    gate = Gate(monkeypatch)
    journal = SqliteJournal(tmp_path / "j.db", "r", max_pending=3)
    assert [journal.append(envelope(n)) for n in range(4)] == [True, True, False, False]
    gate.open.set()
    await journal.sync()
    assert journal.append(envelope(5))
    await journal.aclose()
    assert rows_on_disk(journal.path) == 5


async def test_a_caller_cancelled_in_sync_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are written, and the others are told."""
    gate = Gate(monkeypatch)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    async with asyncio.TaskGroup() as group:
        cancelled, waiting = (group.create_task(journal.sync()) for _ in range(2))
        await until_blocked()
        cancelled.cancel()
        await until_blocked()
        gate.open.set()
    assert waiting.exception() is None
    await journal.aclose()
    assert rows_on_disk(journal.path) == 1


async def test_a_caller_cancelled_while_it_closes_leaves_a_closed_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often: when it hears of it, the rows are written, the file is closed and the run is free."""
    gate = Gate(monkeypatch)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    async with asyncio.TaskGroup() as group:
        closing = group.create_task(journal.aclose())
        for _ in range(3):
            await until_blocked()
            closing.cancel()
        gate.open.set()
    assert closing.cancelled()
    assert rows_on_disk(journal.path) == 1
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        journal._connection.execute("SELECT 1")
    assert not journal._writer.is_alive()


async def test_what_is_no_json_is_refused_and_the_journal_goes_on(tmp_path: Path) -> None:
    """A refused envelope is the publisher's fault, not the disk's."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    with pytest.raises(NotJsonError):
        journal.append(envelope(1, {"x": object()}))
    journal.append(envelope(2))
    await journal.sync()
    await journal.aclose()
    assert rows_on_disk(journal.path) == 1


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk is full"), MemoryError("none"), OSError("gone")])
async def test_after_a_failed_write_nothing_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Everyone who waits, and everyone who comes later, gets a JournalError: nobody waits for ever."""
    gate = Gate(monkeypatch, error)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    refused: list[str] = []

    async def sync() -> None:
        with pytest.raises(JournalError, match="rows not written") as caught:
            await journal.sync()
        refused.append(str(caught.value))

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(sync())
        await until_blocked()
        gate.open.set()
    assert len(refused) == 3
    assert str(error) in refused[0]
    await sync()
    with pytest.raises(JournalError, match="free the disk and resume the run"):
        journal.append(envelope(2))
    with pytest.raises(JournalError):
        await journal.aclose()
    await journal.aclose()
    assert journal.statistics().durable == rows_on_disk(journal.path) == 0


async def test_a_transaction_that_fails_half_way_leaves_no_half(tmp_path: Path) -> None:
    """The disk says no at the last statement: it is rolled back, and the chain before it is whole."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    await journal.sync()
    other = sqlite3.connect(journal.path)
    other.execute("CREATE TRIGGER no BEFORE INSERT ON head BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    other.commit()
    journal.append(envelope(2))
    with pytest.raises(JournalError, match="disk I/O error"):
        await journal.sync()
    with pytest.raises(JournalError):
        await journal.aclose()
    other.execute("DROP TRIGGER no")
    other.commit()
    other.close()
    with JournalReader(journal.path) as reader:
        assert reader.verify().rows == 1


async def test_a_closed_journal_takes_nothing_more_and_closes_twice(tmp_path: Path) -> None:
    """Closing writes what is left."""
    journal = SqliteJournal(tmp_path / "new" / "folder" / "j.db", "r")
    journal.append(envelope(1))
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(JournalError, match="is closed"):
        journal.append(envelope(2))
    assert rows_on_disk(journal.path) == 1


async def test_several_writers_on_one_file_keep_one_sound_chain(tmp_path: Path) -> None:
    """Each transaction reads the last hash under the write lock."""
    path = tmp_path / "j.db"
    journals = [SqliteJournal(path, f"r{n}", durability="os-crash-may-lose") for n in range(3)]
    for n in range(30):
        journals[n % 3].append(envelope(n))
        if n % 7 == 0:
            await journals[n % 3].sync()
    for journal in journals:
        await journal.aclose()
    with JournalReader(path) as reader:
        assert reader.verify().rows == 30
        assert {summary.run: summary.rows for summary in reader.runs()} == {"r0": 10, "r1": 10, "r2": 10}


WRITER = """
import asyncio, sys
from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope

async def main(path, run):
    journal = SqliteJournal(path, run, durability="os-crash-may-lose")
    for n in range(50):
        journal.append(Envelope(str(n), "task.x", "t", "", 1.0, {"n": n}))
        if n % 10 == 0:
            await journal.sync()
    await journal.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def test_several_processes_on_one_file_keep_one_sound_chain(tmp_path: Path) -> None:
    """Two runs of two processes may share a journal, from the first moment of its life."""
    path = tmp_path / "j.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"r{n}"]) for n in range(2)]
    assert [writer.wait(50) for writer in writers] == [0, 0]
    with JournalReader(path) as reader:
        assert reader.verify().rows == 100


def somebody_elses(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name)")
    connection.commit()
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE rows (x)")
    connection.execute("CREATE TABLE head (x)")
    connection.execute("PRAGMA user_version=99")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_text("no database at all" * 100), "cannot be opened as a journal"),
        (somebody_elses, "is a database, but no journal"),
        (newer, r"newer version \(schema 99\)"),
        (lambda path: path.mkdir(), "cannot be opened as a journal"),
        (lambda path: path.parent.joinpath("x").write_text(""), None),
    ],
    ids=["text", "other", "newer", "folder", "fine"],
)
def test_a_file_that_is_no_journal_of_ours_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], object], problem: str | None
) -> None:
    """Nothing is written into somebody else's file, and the error names it."""
    path = tmp_path / "j.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    async def main() -> None:
        if problem is None:
            await SqliteJournal(path, "r").aclose()
            return
        with pytest.raises(JournalError, match=problem):
            SqliteJournal(path, "r")
        assert (path.read_bytes() if path.is_file() else b"") == before

    asyncio.run(main())


async def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    """The error names the path and says to choose another one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="choose another path"):
        SqliteJournal(tmp_path / "file" / "j.db", "r")


@pytest.mark.parametrize(("durability", "level"), [("power-cut-safe", 2), ("os-crash-may-lose", 1)])
async def test_durability_is_what_its_name_says(tmp_path: Path, durability: Durability, level: int) -> None:
    """FULL survives a power cut; NORMAL may lose acknowledged rows in one, and is never chosen silently."""
    journal = SqliteJournal(tmp_path / "j.db", "r", durability=durability)
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await journal.aclose()


def test_a_loop_that_ended_without_closing_does_not_trouble_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer thread finds the loop closed and tells nobody."""
    gate = Gate(monkeypatch)

    async def main() -> SqliteJournal:
        journal = SqliteJournal(tmp_path / "j.db", "r")
        journal.append(envelope(1))
        journal._hand_over()
        return journal

    journal = asyncio.run(main())
    gate.open.set()
    journal._batches.put(None)
    journal._writer.join(30)
    journal._connection.close()
    assert rows_on_disk(journal.path) == 1


async def test_a_lock_held_by_another_process_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """The thread waits for the lock; meanwhile the loop runs, and the rows are written once the lock is free."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        journal.append(envelope(1))
        waiting = group.create_task(journal.sync())
        for _ in range(5):
            await until_blocked()
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
    assert rows_on_disk(journal.path) == 1
    await journal.aclose()


async def test_a_row_that_cannot_be_inserted_fails_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error before the commit is told like one of the commit: nothing is acknowledged."""

    def full(*_: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    journal = SqliteJournal(tmp_path / "j.db", "r")
    monkeypatch.setattr(sqlite, "try_to_insert", full)
    journal.append(envelope(1))
    with pytest.raises(JournalError, match="disk is full"):
        await journal.sync()
    with pytest.raises(JournalError, match="disk is full"):
        journal.append(envelope(2))
    with pytest.raises(JournalError, match="disk is full"):
        await journal.aclose()


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk is full"), MemoryError("none")])
async def test_whatever_goes_wrong_while_inserting_reaches_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Rows are inserted in the loop, where an exception would otherwise be logged and forgotten."""

    def fail(*arguments: object) -> bool:
        raise error

    journal = SqliteJournal(tmp_path / "j.db", "r")
    monkeypatch.setattr(sqlite, "try_to_insert", fail)
    journal.append(envelope(1))
    with pytest.raises(JournalError, match="rows not written"):
        await journal.sync()
    with pytest.raises(JournalError):
        journal.append(envelope(2))
    with pytest.raises(JournalError):
        await journal.aclose()
