import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import JournalError, StaleOwnerError
from orchestrator.journal import JournalReader, SqliteJournal, write_aside
from orchestrator.messages import Envelope


def envelope(name: str) -> Envelope:
    return Envelope(name, "run.blocked", "t", "", 1.0, {"where": "here"}, {"blocked_s": 2.5})


async def test_a_row_aside_is_on_the_disk_while_the_loop_stands(tmp_path: Path) -> None:
    """Between the rows of the run, in the same chain, and nobody asked the loop."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(envelope("1"))
    await journal.sync()
    write_aside(journal, envelope("x1"))
    with JournalReader(journal.path) as reader:
        assert [row.envelope.id for row in reader.rows()] == ["1", "x1"]
        assert [row.envelope.measured for row in reader.rows()][1] == {"blocked_s": 2.5}
    journal.append(envelope("2"))
    await journal.aclose()
    with JournalReader(journal.path) as reader:
        assert reader.verify().rows == 3


async def test_a_row_aside_of_a_stale_owner_is_refused(tmp_path: Path) -> None:
    """Fencing holds for it, too."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal._hold.epoch = 0  # it goes on beating for nobody
    journal._connection.execute("UPDATE owners SET epoch = 2")
    with pytest.raises(StaleOwnerError):
        await asyncio.to_thread(write_aside, journal, envelope("x1"))
    await journal.aclose()
    with JournalReader(journal.path) as reader:
        assert not list(reader.rows())


async def test_a_row_aside_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is locked for longer than anybody waits is one of our errors."""
    monkeypatch.setattr("orchestrator.journal.batch.PATIENCE_MS", 1)
    journal = SqliteJournal(tmp_path / "j.db", "r")
    other = SqliteJournal(tmp_path / "j.db", "s")
    other._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="a row aside was not written"):
        write_aside(journal, envelope("x1"))
    other._connection.execute("ROLLBACK")
    await other.aclose()
    await journal.aclose()
