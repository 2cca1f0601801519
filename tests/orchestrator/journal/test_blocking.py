from pathlib import Path

import pytest

from orchestrator.errors import JournalError, NotJsonError, RunOwnedError
from orchestrator.journal import BlockingJournal, JournalReader, SqliteJournal
from orchestrator.messages import Envelope


def envelope(number: int) -> Envelope:
    return Envelope(str(number), "task.started", "t", "", float(number), {"n": number})


def open_it(path: Path, run: str = "r") -> BlockingJournal:
    return BlockingJournal(path, run, durability="os-crash-may-lose")


def test_what_is_synced_is_on_the_disk_at_once(tmp_path: Path) -> None:
    """Another reader sees it the moment that `sync` returns, without any loop that could have turned meanwhile."""
    path = tmp_path / "j.db"
    with open_it(path) as journal:
        for number in range(3):
            journal.append(envelope(number))
        with pytest.raises(StopIteration):
            journal.sync().send(None)
        with JournalReader(path) as reader:
            rows = list(reader.rows(run="r"))
    assert [bytes(row.canonical) for row in rows] == [row.canonical for row in journal.rows]
    assert len(rows) == 3


async def test_closing_writes_what_is_left_and_lets_go_of_the_run(tmp_path: Path) -> None:
    """Nothing that was appended is lost by a run that ends well; a second closing does nothing."""
    path = tmp_path / "j.db"
    journal = open_it(path)
    journal.append(envelope(1))
    with pytest.raises(RunOwnedError):
        SqliteJournal(path, "r")
    await journal.aclose()
    await journal.aclose()
    with JournalReader(path) as reader:
        assert len(list(reader.rows(run="r"))) == 1
    with pytest.raises(JournalError, match="closed"):
        journal.append(envelope(2))


def test_a_run_that_is_there_already_is_refused(tmp_path: Path) -> None:
    """A recording begins a run; it does not go on with one."""
    with open_it(tmp_path / "j.db"):
        pass
    with pytest.raises(JournalError, match="give the new one another name"):
        open_it(tmp_path / "j.db")


def test_what_is_no_json_is_refused_where_it_is_appended(tmp_path: Path) -> None:
    """Not later in a thread that nobody hears."""
    with open_it(tmp_path / "j.db") as journal, pytest.raises(NotJsonError):
        journal.append(Envelope("1", "task.started", "t", "", 0.0, {"n": object()}))
