import asyncio
import sqlite3
from pathlib import Path

import pytest

from orchestrator.errors import StaleOwnerError
from orchestrator.journal import JournalReader, MemoryJournal, SqliteJournal
from orchestrator.journal.ownership import Owner, read_owner
from orchestrator.messages import Envelope
from orchestrator.testing import until_blocked


def envelope(n: int) -> Envelope:
    return Envelope(str(n), "task.x", "t", "", 1.0, {"n": n})


def owner_of(path: Path, run: str = "r") -> Owner | None:
    connection = sqlite3.connect(path)
    try:
        return read_owner(connection, run)
    finally:
        connection.close()


def take_away(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE owners SET epoch = epoch + 1, owner = 'somebody else'")
    connection.commit()
    connection.close()


async def test_the_first_owner_has_epoch_one_and_each_later_one_the_next(tmp_path: Path) -> None:
    """Letting go leaves the count; a journal in memory has one owner ever."""
    assert MemoryJournal("r").epoch == 1
    for epoch in (1, 2, 3):
        journal = SqliteJournal(tmp_path / "j.db", "r")
        assert journal.epoch == epoch
        await journal.aclose()
        assert owner_of(journal.path) == Owner("r", epoch, "", 0)


async def test_an_owner_beats_while_nothing_is_written_and_the_loop_is_blocked(tmp_path: Path) -> None:
    """A handler that spins does not make its process look dead: the writer's thread beats."""
    journal = SqliteJournal(tmp_path / "j.db", "r", lease_s=0.03)
    for _ in range(2):
        before = owner_of(journal.path)
        while owner_of(journal.path) == before:  # never lets the loop run
            pass
    await journal.aclose()


async def test_an_owner_beats_within_its_commits(tmp_path: Path) -> None:
    """However much is written, no beat waits for a pause, and none costs a commit of its own."""
    journal = SqliteJournal(tmp_path / "j.db", "r", durability="os-crash-may-lose")
    journal._hold._next = 0.0
    journal.append(envelope(1))
    await journal.sync()
    owner = owner_of(journal.path)
    assert owner is not None
    assert owner.beat == 1
    await journal.aclose()


@pytest.mark.parametrize("locked", [False, True])
async def test_a_run_that_was_taken_over_is_written_no_more(tmp_path: Path, *, locked: bool) -> None:
    """Whether the loop inserts or, where the file is locked, the thread: whoever waits gets the error, nobody a yes."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope(1))
    await journal.sync()
    take_away(journal.path)
    other = sqlite3.connect(journal.path, isolation_level=None)
    if locked:
        other.execute("BEGIN IMMEDIATE")
    journal.append(envelope(2))
    refused = []

    async def sync() -> None:
        with pytest.raises(StaleOwnerError) as caught:
            await journal.sync()
        refused.append(caught.value)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(sync())
        await until_blocked()
        if locked:
            other.execute("ROLLBACK")
    other.close()
    assert [(error.run, error.epoch) for error in refused] == [("r", 1)] * 3
    with pytest.raises(StaleOwnerError):
        journal.append(envelope(3))
    with pytest.raises(StaleOwnerError):
        await journal.aclose()
    assert owner_of(journal.path) == Owner("r", 2, "somebody else", 0)
    with JournalReader(journal.path) as reader:
        assert reader.verify().rows == 1


async def test_an_idle_owner_notices_that_the_run_was_taken_over(tmp_path: Path) -> None:
    """Its next beat is refused, so it stops before it has anything to write."""
    journal = SqliteJournal(tmp_path / "j.db", "r", lease_s=0.03)
    take_away(journal.path)
    while journal._failure is None:
        await until_blocked()
    with pytest.raises(StaleOwnerError, match="stop this process"):
        journal.append(envelope(1))
    with pytest.raises(StaleOwnerError):
        await journal.aclose()


async def test_who_owns_nothing_may_write_beside_the_owner(tmp_path: Path) -> None:
    """Words about a run, said while it goes on, take no lease and disturb none."""
    owner = SqliteJournal(tmp_path / "j.db", "r")
    other = SqliteJournal(owner.path, "r", lease_s=None)
    assert other.epoch == 0
    for journal in (other, owner):
        journal.append(envelope(1))
        await journal.sync()
    await other.aclose()
    await owner.aclose()
    with JournalReader(owner.path) as reader:
        assert reader.verify().rows == 2


async def test_a_beat_that_finds_the_file_locked_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long transaction of somebody else's does not end the run."""
    monkeypatch.setattr("orchestrator.journal.batch.PATIENCE_MS", 1)
    journal = SqliteJournal(tmp_path / "j.db", "r", lease_s=0.03)
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        await until_blocked()
    other.execute("ROLLBACK")
    other.close()
    before = owner_of(journal.path)
    while owner_of(journal.path) == before:
        await until_blocked()
    await journal.aclose()


def test_an_owner_whose_loop_ended_without_closing_lets_go(tmp_path: Path) -> None:
    """Nobody can append any more, so the next owner need not wait."""

    async def open_only() -> SqliteJournal:
        return SqliteJournal(tmp_path / "j.db", "r", lease_s=0.03)

    journal = asyncio.run(open_only())
    journal._writer.join(30)
    assert owner_of(journal.path) == Owner("r", 1, "", owner_of(journal.path).beat)  # type: ignore[union-attr]
    journal._connection.close()
