import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import SqliteJournal
from orchestrator.journal.faults import Place, remedy
from orchestrator.messages import Envelope
from tests.orchestrator.journal.disks import Writer, disk_library, mount, rows_of, unmount

__all__ = ["disk_library"]


def check(writer: Writer, *words: str) -> set[int]:
    """Let it write to the bitter end: every task is refused in these words, and what was acknowledged is there."""
    acknowledged, refusals = writer.finish()
    assert writer.process.returncode == 0
    assert len(refusals) == 17  # sixteen tasks, and closing
    for refusal in refusals:
        assert str(writer.path) in refusal
        for word in (*words, "resume the run"):
            assert word in refusal
    assert acknowledged <= rows_of(writer.path)
    return acknowledged


def test_a_file_that_may_not_grow_ends_the_run(tmp_path: Path) -> None:
    """A quota, set by the kernel's own limit on the size of a file: no row is acknowledged that is not there."""
    writer = Writer(tmp_path / "j.db", limit=1_000_000)
    acknowledged = check(writer, "run 'r': ", "rows not written", "disk I/O error")
    assert len(acknowledged) > 1


async def test_a_journal_that_may_hold_no_more_pages_ends_the_run(tmp_path: Path) -> None:
    """SQLite's own limit says that the disk is full, everywhere: half a transaction is never left."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages + 3}")
    written = 0
    with pytest.raises(JournalError, match="disk is full; the disk is full, free some of it and resume the run"):  # noqa: PT012
        for n in range(1000):
            journal.append(Envelope(str(n), "task.x", "t", "", 1.0, {"filler": "x" * 3000}))
            await journal.sync()
            written = n + 1
    with pytest.raises(JournalError):
        await journal.aclose()
    assert 0 < written < 1000
    assert rows_of(journal.path) == set(range(written))


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    """A real small file system; the next owner goes on once there is room."""
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    try:
        acknowledged = check(Writer(disk / "j.db"), "not written", "the disk is full, free some of it")
        assert len(acknowledged) > 1
        full = Writer(disk / "another.db")
        assert full.first.startswith("refused")
        assert "another.db" in full.first
        full.finish()
    finally:
        unmount(disk)


def test_a_read_only_disk_is_said_at_opening(tmp_path: Path) -> None:
    """Before anything is submitted, for a new journal and for one that is there."""
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=2m", "tmpfs")
    try:
        Writer(disk / "j.db", most=2).finish()
        mount(disk, "-o", "remount,ro")
        for name in ("j.db", "new.db", "folder/new.db"):
            writer = Writer(disk / name)
            assert writer.first.startswith("refused")
            assert str(disk / name) in writer.first
            assert "choose another path" in writer.first
            writer.finish()
    finally:
        unmount(disk)


@pytest.mark.parametrize(
    ("operation", "number", "words"),
    [
        ("DISK_WRITE", errno.ENOSPC, "the disk is full, free some of it"),
        ("DISK_WRITE", errno.EIO, "the disk failed, look at the system's log"),
        ("DISK_WRITE", errno.EROFS, "disk I/O error"),
        ("DISK_SYNC", errno.EIO, "the disk failed, look at the system's log"),
        ("DISK_SYNC", errno.ENOSPC, "disk I/O error"),
    ],
)
def test_a_disk_that_begins_to_fail_ends_the_run(
    tmp_path: Path, disk_library: str, operation: str, number: int, words: str
) -> None:
    """From the first write or sync that fails on, nothing is acknowledged, not even if the disk comes back."""
    switch = tmp_path / "switch"
    writer = Writer(tmp_path / "j.db", environment={"LD_PRELOAD": disk_library, operation: str(switch)})
    assert writer.first == "ack 0"
    writer.go()
    for _ in range(100):
        assert writer.hear().startswith("ack")
    switch.write_text(str(number))
    check(writer, "not written", words)
    switch.unlink()
    again = Writer(tmp_path / "j.db", most=1)
    assert again.first == "ack 0"
    again.finish()


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


@pytest.mark.parametrize("name", ["j.db", "j.db-wal"])
@pytest.mark.parametrize("change", [remove, replace])
async def test_a_file_that_was_put_away_ends_the_run(tmp_path: Path, name: str, change: Callable[[Path], None]) -> None:
    """What is written into it would be found by nobody: it is not acknowledged."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal.append(Envelope("1", "task.x", "t", "", 1.0, {}))
    await journal.sync()
    change(tmp_path / name)
    fate = "removed" if change is remove else "replaced by another file"
    journal.append(Envelope("2", "task.x", "t", "", 1.0, {}))
    with pytest.raises(JournalError, match=rf"{name}: was {fate} .* resume the run"):
        await journal.sync()
    with pytest.raises(JournalError, match=fate):
        journal.append(Envelope("3", "task.x", "t", "", 1.0, {}))
    with pytest.raises(JournalError, match=fate):
        await journal.aclose()
    assert journal.statistics().durable == 1


async def test_a_journal_in_its_place_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is that of the moment of opening; a link to a journal is one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "j.db")
    for name in ("real/j.db", "link.db"):
        journal = SqliteJournal(name, "r")
        monkeypatch.chdir("/")
        journal.append(Envelope("1", "task.x", "t", "", 1.0, {}))
        await journal.sync()
        await journal.aclose()
        monkeypatch.chdir(tmp_path)


def test_every_error_of_a_disk_has_a_remedy() -> None:
    """Extended codes fall under their primary one; what is not known has one, too."""
    extended = sqlite3.OperationalError("disk I/O error")
    extended.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    assert "system's log" in remedy(extended)
    assert remedy(OSError(errno.EIO, os.strerror(errno.EIO))) == "free the disk"


async def test_a_file_system_without_a_log_is_no_fault(tmp_path: Path) -> None:
    """Where shared memory cannot be had, SQLite keeps a roll-back file instead, as safe and slower."""
    journal = SqliteJournal(tmp_path / "j.db", "r")
    journal._connection.execute("PRAGMA journal_mode=DELETE")
    journal._place = Place(journal.path)
    for n in range(2):
        journal.append(Envelope(str(n), "task.x", "t", "", 1.0, {}))
        await journal.sync()
    await journal.aclose()
    assert rows_of(journal.path) == {0, 1}
