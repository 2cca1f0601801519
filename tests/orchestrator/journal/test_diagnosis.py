import asyncio
import gzip
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Choice, JournalReader, SqliteJournal, examine, prune, salvage
from orchestrator.journal.ownership import read_owner
from orchestrator.messages import Envelope
from orchestrator.topics import JOURNAL_RECOVERED, RUN_STOPPED
from tests.orchestrator.journal.disks import Writer

ROWS = 200
PAGE = 16_384


async def write(path: Path, run: str, count: int) -> None:
    journal = SqliteJournal(path, run, durability="os-crash-may-lose")
    for n in range(count - 1):
        journal.append(Envelope(str(n), "task.x", f"t{n}", "", 1.0, {"n": n, "filler": "x" * 1_000}))
    journal.append(Envelope("9", RUN_STOPPED, "", "", 1.0, {"unfinished": []}))
    await journal.aclose()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of two runs."""
    path = tmp_path_factory.mktemp("made") / "j.db"
    asyncio.run(write(path, "r1", ROWS // 2))
    asyncio.run(write(path, "r2", ROWS // 2))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    shutil.copy(made, tmp_path / "j.db")
    return tmp_path / "j.db"


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3 * PAGE - 100)


def garbage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8 * PAGE)
        file.write(b"\xa5" * PAGE)


def no_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * PAGE)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    path.unlink()
    edit(path, "CREATE TABLE customers (name)")


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (cut, "cut off", "bytes are missing at its end"),
        (garbage, "damaged", "malformed"),
        (no_first_page, "foreign", "its first page was overwritten"),
        (empty, "cut off", "the file is empty; 0 rows before that are sound; put back a copy"),
        (other, "foreign", "another database; give the file that a run has written"),
        (lambda path: path.unlink(), "missing", "there is no such file"),
        (lambda path: edit(path, "PRAGMA user_version=99"), "newer", "schema 99, .* upgrade pointsman"),
        (lambda path: edit(path, "UPDATE rows SET hash = x'00' WHERE sequence = 51"), "tampered", "row 51: .*50 rows"),
        (lambda path: edit(path, "DELETE FROM rows WHERE sequence = 51"), "tampered", "row 51: is missing.*50 rows"),
        (lambda path: edit(path, "DELETE FROM rows WHERE sequence > 150"), "tampered", "row 151: is missing.*150 rows"),
    ],
    ids=["cut", "page", "first page", "empty", "other", "missing", "newer", "changed", "removed", "tail"],
)
def test_it_says_what_is_wrong_what_is_sound_and_what_to_do(
    path: Path, damage: Callable[[Path], object], kind: str, words: str
) -> None:
    """In one line that names the file; nothing is raised, and looking changes nothing."""
    damage(path)
    before = path.read_bytes() if path.exists() else b""
    found = examine(path)
    assert found.kind == kind
    assert str(path) in found.describe()
    assert "\n" not in found.describe()
    assert re.search(words, found.describe()), found.describe()
    assert (path.read_bytes() if path.exists() else b"") == before


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


def test_a_sound_journal_is_sound(path: Path) -> None:
    """Deep or not, and while it is written."""
    assert examine(path).describe() == f"{path}: sound, {ROWS} rows"
    assert examine(path, deep=False).describe() == f"{path}: sound"

    async def main() -> None:
        journal = SqliteJournal(path, "r3")
        journal.append(Envelope("1", "task.x", "t", "", 1.0, {}))
        await journal.sync()
        assert examine(path).rows == ROWS + 1
        await journal.aclose()

    asyncio.run(main())


def test_a_log_that_was_left_behind_is_named(tmp_path: Path) -> None:
    """Copying the file without its log is how journals get lost: what the rows were in is said."""
    writer = Writer(tmp_path / "j.db", checkpoint=0)
    writer.kill()
    assert examine(tmp_path / "j.db").rows == 1
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "j.db", tmp_path / "copy" / "j.db")
    found = examine(tmp_path / "copy" / "j.db")
    assert found.kind == "log missing"
    assert "j.db-wal, where they would be, is missing or empty" in found.describe()


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


def test_a_file_that_somebody_has_locked_is_not_called_damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds it exclusively must end first."""
    monkeypatch.setattr("orchestrator.journal.diagnosis._PATIENCE_S", 0.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN IMMEDIATE")
    found = examine(path)
    other.close()
    assert found.kind == "locked"
    assert "wait for the process that has locked it" in found.describe()


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
    with pytest.raises(JournalError, match=r"no row is sound: .*not a database"):
        salvage(path, out)
    assert [file.name for file in path.parent.iterdir() if file.name.startswith("out")] == []
