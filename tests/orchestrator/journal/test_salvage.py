import asyncio
import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Choice, JournalReader, examine, prune, salvage
from orchestrator.journal.ownership import read_owner
from orchestrator.topics import JOURNAL_RECOVERED
from tests.orchestrator.journal.damage import (
    PAGE,
    ROWS,
    cut,
    edit,
    garbage,
    made,
    no_first_page,
    path,
    write,
)

__all__ = ["made", "path"]


@pytest.mark.parametrize("damage", [cut, garbage])
def test_of_a_file_damaged_in_its_middle_rows_before_it_are_sound(path: Path, damage: Callable[[Path], None]) -> None:
    """Their number is told, and a copy of them verifies, with a row that says what it is."""
    damage(path)
    found = examine(path)
    assert found.rows is not None
    assert 0 < found.rows < ROWS
    out = path.with_name("out.db")
    done = salvage(path, out)
    assert done.rows == found.rows
    assert done.problem
    assert examine(out).kind == "sound"
    with JournalReader(path.with_name("out.db")) as reader:
        assert reader.verify().rows == done.rows + 1
        (said,) = reader.rows(topics=[JOURNAL_RECOVERED])
    assert said.envelope.body == {"from": "j.db", "rows": done.rows, "problem": done.problem, "ranges": []}


def test_an_index_that_disagrees_with_its_table_is_damage(path: Path) -> None:
    """The chain alone would not notice; every row is sound."""
    connection = sqlite3.connect(path)
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'rows_by_task'").fetchone()[0]
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    found = examine(path)
    assert (found.kind, found.rows) == ("damaged", ROWS)
    out = path.with_name("out.db")
    assert salvage(path, out).problem == ""
    assert examine(out).rows == ROWS + 1


def test_what_had_been_pruned_is_vouched_for_in_the_copy_of_a_damaged_journal(path: Path) -> None:
    """Though the row that says so lies behind the damage."""
    asyncio.run(write(path, "r3", ROWS))
    prune(path, Choice(runs=("r1",)))
    with JournalReader(path) as reader:
        sound = [row.canonical for row in reader.rows()]
    garbage(path)
    found = examine(path)
    assert found.kind == "damaged"
    assert found.rows
    out = path.with_name("out.db")
    assert salvage(path, out).rows == found.rows
    with JournalReader(out) as reader:
        assert reader.verify().pruned == ROWS // 2
        assert [row.canonical for row in reader.rows()][:-1] == sound[: found.rows]
    prune(out, Choice())
    assert examine(out).kind == "sound"


async def test_a_recovered_journal_can_be_written_on(path: Path) -> None:
    """Each run's epoch is kept and nobody owns it."""
    await write(path, "r1", 1)
    edit(path, "DELETE FROM rows WHERE sequence = 150")
    out = path.with_name("out.db")
    salvage(path, out)
    connection = sqlite3.connect(out)
    owner = read_owner(connection, "r1")
    connection.close()
    assert owner is not None
    assert (owner.epoch, owner.owner) == (2, "")
    await write(out, "r1", 3)
    assert examine(out).rows == 149 + 1 + 3


def test_a_journal_of_version_1_is_recovered_into_one_of_this_version(tmp_path: Path) -> None:
    """It has no owners; its runs have had one."""
    stored = Path(__file__).with_name("data") / "version-1.db.gz"
    (tmp_path / "old.db").write_bytes(gzip.decompress(stored.read_bytes()))
    assert salvage(tmp_path / "old.db", tmp_path / "new.db").problem == ""
    connection = sqlite3.connect(tmp_path / "new.db")
    assert connection.execute("SELECT run, epoch FROM owners").fetchall() == [("first", 1), ("second", 1)]
    connection.close()


def test_nothing_is_overwritten_and_nothing_left_behind(path: Path) -> None:
    """A copy that is there, a journal that is not, and one without a sound row."""
    out = path.with_name("out.db")
    with pytest.raises(JournalError, match="nothing is overwritten"):
        salvage(path, path)
    with pytest.raises(JournalError, match="there is no journal"):
        salvage(path.with_name("nobody.db"), out)
    edit(path, "UPDATE rows SET hash = x'00' WHERE sequence = 1")
    with pytest.raises(JournalError, match="no row is sound"):
        salvage(path, out)
    no_first_page(path)
    with pytest.raises(JournalError, match="not salvaged: file is not a database"):
        salvage(path, out)
    assert [file.name for file in path.parent.iterdir() if file.name.startswith("out")] == []
