import gzip
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import JournalReader, SqliteJournal, schema
from orchestrator.journal.ownership import Owner, read_owner
from orchestrator.journal.rows import SCHEMA_VERSION
from orchestrator.messages import Envelope

#: Two runs of two tasks each, as the code of version 1 wrote them.
VERSION_1 = Path(__file__).with_name("data") / "version-1.db.gz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress(VERSION_1.read_bytes()))
    return path


def version_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def contents(path: Path) -> tuple[list[bytes], bytes]:
    with JournalReader(path) as reader:
        return [row.canonical for row in reader.rows()], reader.verify().head


def test_a_journal_of_version_1_is_read_as_it_is(old: Path) -> None:
    """Reading changes nothing: what an archive holds stays what it was."""
    before = old.read_bytes()
    rows, _ = contents(old)
    with JournalReader(old) as reader:
        assert [(run.run, run.rows) for run in reader.runs()] == [("first", 15), ("second", 15)]
    assert len(rows) == 30
    assert old.read_bytes() == before
    assert version_of(old) == 1


async def test_opening_a_journal_of_version_1_for_writing_brings_it_to_this_version(old: Path) -> None:
    """Rows and chain stay byte for byte; runs of then have had one owner, and the next one is the second."""
    rows, head = contents(old)
    journal = SqliteJournal(old, "first")
    assert journal.epoch == 2
    assert version_of(old) == SCHEMA_VERSION
    assert contents(old) == (rows, head)
    journal.append(Envelope("x1", "run.resumed", "", "", 1.0, {}))
    await journal.aclose()
    assert contents(old)[0][:-1] == rows
    connection = sqlite3.connect(old)
    assert read_owner(connection, "second") == Owner("second", 1, "", 0)
    connection.close()


async def test_an_old_journal_and_a_new_one_have_the_same_tables(old: Path, tmp_path: Path) -> None:
    """A new file goes through the same statements."""
    for path in (old, tmp_path / "new.db"):
        await SqliteJournal(path, "r").aclose()
    shapes = []
    for path in (old, tmp_path / "new.db"):
        connection = sqlite3.connect(path)
        shapes.append(sorted(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()))
        connection.close()
    assert shapes[0] == shapes[1]


async def test_a_writer_of_version_1_that_is_still_at_it_is_refused(old: Path) -> None:
    """It knows of no epoch, so it must not go on: its own statement fails, and it stops as at a full disk."""
    writer = sqlite3.connect(old, isolation_level=None)
    statement = "INSERT OR REPLACE INTO head VALUES (1, ?, ?)"
    writer.execute("BEGIN IMMEDIATE")
    writer.execute(statement, (30, bytes(32)))
    writer.execute("ROLLBACK")
    await SqliteJournal(old, "first").aclose()
    with pytest.raises(sqlite3.OperationalError, match="has 4 columns"):
        writer.execute(statement, (30, bytes(32)))
    writer.close()


DIE = """
import os, signal, sys
from pathlib import Path
from orchestrator.journal import schema

class Dying(tuple):
    def __iter__(self):
        for statement in tuple.__iter__(self):
            if not self.left:
                break
            self.left -= 1
            yield statement
        os.kill(os.getpid(), signal.SIGKILL)

statements = Dying(schema.MIGRATIONS[2])
statements.left = int(sys.argv[2])
schema.MIGRATIONS[2] = statements
schema.open_file(Path(sys.argv[1]), "power-cut-safe")
"""


@pytest.mark.parametrize("done", range(len(schema.MIGRATIONS[2]) + 1))
async def test_a_migration_that_is_killed_half_way_has_not_happened(old: Path, done: int) -> None:
    """Killed after any statement, the file is one of version 1, and the next writer brings it on."""
    rows = contents(old)
    killed = subprocess.run([sys.executable, "-c", DIE, str(old), str(done)], check=False)  # noqa: ASYNC221 - has ended
    assert killed.returncode == -9
    assert version_of(old) == 1
    assert contents(old) == rows
    journal = SqliteJournal(old, "first")
    assert journal.epoch == 2
    await journal.aclose()
    assert version_of(old) == SCHEMA_VERSION
    assert contents(old) == rows


OPEN = """
import asyncio, sys
from orchestrator.journal import SqliteJournal

async def main(path, run):
    await SqliteJournal(path, run).aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def test_of_several_that_open_an_old_journal_one_brings_it_on(old: Path) -> None:
    """The version is read again under the lock."""
    writers = [subprocess.Popen([sys.executable, "-c", OPEN, str(old), f"r{n}"]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert version_of(old) == SCHEMA_VERSION
    assert len(contents(old)[0]) == 30


async def test_a_journal_of_a_newer_version_is_refused_by_name_of_both(old: Path, tmp_path: Path) -> None:
    """Neither read nor written, and left as it is; the error says what to do."""
    newer = tmp_path / "newer.db"
    shutil.copy(old, newer)
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    before = newer.read_bytes()
    with pytest.raises(JournalError, match=rf"schema {SCHEMA_VERSION + 1}\); upgrade pointsman"):
        SqliteJournal(newer, "r")
    with pytest.raises(JournalError, match=rf"schema {SCHEMA_VERSION + 1}, .* reads 1 to {SCHEMA_VERSION}; upgrade"):
        JournalReader(newer)
    assert newer.read_bytes() == before


async def test_folders_on_the_way_to_a_new_journal_are_made_to_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not take back the folder whose file was acknowledged: each parent of a new one is synced."""
    synced: list[int] = []
    monkeypatch.setattr(schema.os, "fsync", synced.append)  # type: ignore[attr-defined]
    await SqliteJournal(tmp_path / "a" / "b" / "j.db", "r").aclose()
    assert len(synced) == 2
    await SqliteJournal(tmp_path / "a" / "b" / "j.db", "r").aclose()
    assert len(synced) == 2


@pytest.mark.parametrize("error", [sqlite3.OperationalError, JournalError, KeyError, KeyboardInterrupt])
def test_a_file_that_was_opened_in_vain_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """Whatever stood in the way; a database that is left open is held, and later Pythons complain of it."""
    opened: list[sqlite3.Connection] = []

    def fail(connection: sqlite3.Connection, *_: object) -> None:
        opened.append(connection)
        raise error("in the way")

    monkeypatch.setattr(schema, "_prepare", fail)
    with pytest.raises(JournalError if error is sqlite3.OperationalError else error):
        schema.open_file(tmp_path / "j.db", "power-cut-safe")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
