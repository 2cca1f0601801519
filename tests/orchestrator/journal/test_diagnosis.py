import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.journal import SqliteJournal, examine
from orchestrator.messages import Envelope
from tests.orchestrator.journal.damage import (
    ROWS,
    cut,
    edit,
    empty,
    garbage,
    made,
    no_first_page,
    other,
    path,
)
from tests.orchestrator.journal.disks import Writer

__all__ = ["made", "path"]


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


def test_what_a_crash_left_half_way_is_put_right_before_it_is_looked_at(path: Path) -> None:
    """A journal killed while it was being made has a roll-back file beside it: that is no damage."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN")
    connection.execute("UPDATE rows SET topic = topic || 'x'")
    half = path.with_name("half.db")
    for end in ("", "-journal"):
        shutil.copy(f"{path}{end}", f"{half}{end}")
    connection.execute("ROLLBACK")
    connection.close()
    assert Path(f"{half}-journal").stat().st_size
    assert examine(half).describe() == f"{half}: sound, {ROWS} rows"
