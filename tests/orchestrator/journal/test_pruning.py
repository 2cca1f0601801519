import asyncio
import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import JournalError, JournalTamperedError
from orchestrator.journal import Choice, JournalReader, SqliteJournal, prune, pruning
from orchestrator.journal.anchors import Anchor, ranges
from orchestrator.messages import Envelope
from orchestrator.topics import JOURNAL_PRUNED, RUN_STOPPED, TASK_JUDGED

RUNS = ("r1", "r2", "r3", "r4")
HOUR = 3600.0


async def write(path: Path, run: str, rows: list[Envelope]) -> None:
    journal = SqliteJournal(path, run, durability="os-crash-may-lose")
    for row in rows:
        journal.append(row)
    await journal.aclose()


def row(name: object, topic: str = "task.x", at: float = 0.0, **body: object) -> Envelope:
    return Envelope(str(name), topic, "t", "", at, {"filler": "x" * 2_000, **body})


def stopped(at: float = 0.0, *unfinished: str) -> Envelope:
    return Envelope("9", RUN_STOPPED, "", "", at, {"unfinished": list(unfinished)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four finished runs, hour by hour, the first two of them interleaved."""
    path = tmp_path / "j.db"

    async def main() -> None:
        first, second = (SqliteJournal(path, run, durability="os-crash-may-lose") for run in RUNS[:2])
        for n in range(6):
            (first, second)[n % 2].append(row(n, at=HOUR * (n % 2)))
            await (first, second)[n % 2].sync()
        first.append(stopped(HOUR))
        await first.aclose()
        second.append(stopped(2 * HOUR))
        await second.aclose()
        for n, run in enumerate(RUNS[2:], 3):
            await write(path, run, [*(row(m) for m in range(40)), stopped(n * HOUR)])

    asyncio.run(main())
    return path


def runs_of(path: Path) -> list[str]:
    with JournalReader(path) as reader:
        reader.verify()
        return [run.run for run in reader.runs() if run.run != "journal"]


@pytest.mark.parametrize(
    ("choice", "left"),
    [
        (Choice(keep=4), RUNS),
        (Choice(keep=1), RUNS[3:]),
        (Choice(keep=0), ()),
        (Choice(before=2.5 * HOUR), RUNS[2:]),
        (Choice(keep=3, before=2.5 * HOUR), RUNS[1:]),
        (Choice(runs=("r2",)), ("r1", "r3", "r4")),
        (Choice(runs=("r1", "r4")), ("r2", "r3")),
        (Choice(keep=3, runs=("r1", "r4")), RUNS[1:]),
    ],
)
def test_the_runs_that_were_chosen_go_and_the_chain_verifies(path: Path, choice: Choice, left: tuple[str, ...]) -> None:
    """What stays is byte for byte what it was, and what is gone is counted."""
    with JournalReader(path) as reader:
        before = {row.sequence: (row.canonical, row.hash) for row in reader.rows()}
    dry = prune(path, choice, dry=True)
    assert runs_of(path) == list(RUNS)
    done = prune(path, choice)
    assert (done.gone, done.kept, done.rows) == (dry.gone, dry.kept, dry.rows)
    assert runs_of(path) == list(left)
    with JournalReader(path) as reader:
        verification = reader.verify()
        after = {row.sequence: (row.canonical, row.hash) for row in reader.rows() if row.run != "journal"}
        said = [row.envelope.body for row in reader.rows(topics=[JOURNAL_PRUNED])]
    assert after.items() <= before.items()
    assert verification.pruned == done.rows == len(before) - len(after)
    assert [(body["count"], body["rows"]) for body in said] == (
        [(len(RUNS) - len(left), done.rows)] if done.rows else []
    )


def test_a_journal_can_be_pruned_again_and_written_on(path: Path) -> None:
    """Gaps that touch each other, rows after them, and a run of the same name as one that is gone."""
    for run in ("r2", "r1", "r3"):
        prune(path, Choice(runs=(run,)))
        asyncio.run(write(path, f"after {run}", [row(1), stopped()]))
    asyncio.run(write(path, "r1", [row(1), stopped()]))
    assert runs_of(path) == ["r4", "after r2", "after r1", "after r3", "r1"]
    assert len(prune(path, Choice()).gone) == 5
    with JournalReader(path) as reader:
        assert reader.verify().pruned == 98


def test_the_file_shrinks(path: Path) -> None:
    """And keeps its size of page, and its version."""
    done = prune(path, Choice(keep=1))
    assert done.unshrunk == ""
    assert done.bytes_after == path.stat().st_size < done.bytes_before * 0.75
    assert not Path(f"{path}-wal").exists()


@pytest.mark.parametrize(
    ("rows", "obstacle"),
    [
        ([row(1)], "has not stopped"),
        ([row(1), stopped(0.0, "a", "b")], "has 2 unfinished tasks"),
        ([row(1), stopped(), row(2)], "was resumed and has not stopped"),
        ([row(1), stopped(), Envelope("x1", TASK_JUDGED, "t", "", 0.0, {})], ""),
        ([row(1), stopped(0.0, "a"), row(2), stopped()], ""),
    ],
    ids=["crashed", "left", "resumed", "judged", "resumed and finished"],
)
def test_a_run_that_is_unfinished_stays(path: Path, rows: list[Envelope], obstacle: str) -> None:
    """It is named with the reason; what people said after its end does not make it unfinished."""
    asyncio.run(write(path, "r5", rows))
    done = prune(path, Choice(runs=("r5",)))
    assert [(one.run, one.obstacle.startswith(obstacle)) for one in done.kept] == ([("r5", True)] if obstacle else [])
    assert ("r5" in runs_of(path)) == bool(obstacle)


async def test_a_run_that_is_owned_stays_and_so_does_the_size_of_its_file(path: Path) -> None:
    """Its owner is not held up by a rewriting of the file, and goes on in the same chain."""
    owner = SqliteJournal(path, "r3")
    done = prune(path, Choice())
    assert [one.run for one in done.gone] == ["r4", "r2", "r1"]
    assert [one.obstacle.split(" on ")[0] for one in done.kept] == [f"belongs to process {os.getpid()}"]
    assert "'r3' is being written" in done.unshrunk
    owner.append(row(1))
    await owner.aclose()
    assert runs_of(path) == ["r3"]
    assert "has not stopped" in prune(path, Choice()).kept[0].obstacle


def test_a_run_whose_owner_was_killed_in_its_end_goes(path: Path) -> None:
    """It had stopped, and its process is gone."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE owners SET owner = 'of a process of another machine' WHERE run = 'r1'")
    connection.commit()
    connection.close()
    assert [one.run for one in prune(path, Choice(runs=("r1",))).kept] == ["r1"]
    code = "import sys\nfrom orchestrator.journal.process import this_process\nprint(this_process(15.0).to_text())"
    gone = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE owners SET owner = ? WHERE run = 'r1'", (gone,))
    connection.commit()
    connection.close()
    assert prune(path, Choice(runs=("r1",))).kept == ()


DIE = """
import os, signal, sqlite3, sys
from pathlib import Path
from orchestrator.journal import Choice, prune, schema

left = int(sys.argv[2])

class Dying(sqlite3.Connection):
    def execute(self, *arguments):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return super().execute(*arguments)

connect = sqlite3.connect
schema.sqlite3.connect = lambda *a, **k: connect(*a, factory=Dying, **k)
prune(Path(sys.argv[1]), Choice(keep=1))
"""


def test_pruning_killed_before_any_statement_has_removed_all_or_nothing(path: Path, tmp_path: Path) -> None:
    """The chain verifies whenever it dies, and the next pruning does what is left to do."""
    seen = set()
    for statement in range(0, 60, 2):
        copy = tmp_path / f"{statement}.db"
        shutil.copy(path, copy)
        died = subprocess.run([sys.executable, "-c", DIE, str(copy), str(statement)], check=False).returncode == -9
        left = tuple(runs_of(copy))
        seen.add(left)
        assert left in (RUNS, RUNS[3:])
        prune(copy, Choice(keep=1))
        assert runs_of(copy) == ["r4"]
        if not died:
            break
    else:
        pytest.fail("it never got to its end")
    assert seen == {RUNS, RUNS[3:]}


def test_a_disk_without_room_to_rewrite_the_file_leaves_it_pruned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are gone, the file keeps its size, and the reason is told."""

    class Full(sqlite3.Connection):
        def execute(self, statement: str, *arguments: object) -> sqlite3.Cursor:
            if statement == "VACUUM":
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return super().execute(statement, *arguments)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(pruning, "open_file", lambda path, _: connect(path, isolation_level=None, factory=Full))
    done = prune(path, Choice(keep=1))
    assert "the disk is full, free some of it and prune again" in done.unshrunk
    assert runs_of(path) == ["r4"]


def test_a_dry_run_changes_nothing_not_even_the_version(tmp_path: Path) -> None:
    """Of a file of version 1, too, whose runs are nobody's."""
    path = tmp_path / "old.db"
    path.write_bytes(gzip.decompress((Path(__file__).with_name("data") / "version-1.db.gz").read_bytes()))
    before = path.read_bytes()
    assert [one.run for one in prune(path, Choice(keep=1), dry=True).gone] == ["first"]
    assert path.read_bytes() == before
    assert [one.run for one in prune(path, Choice(keep=1)).gone] == ["first"]
    assert runs_of(path) == ["second"]


def test_a_file_that_is_no_journal_is_not_pruned(tmp_path: Path) -> None:
    """Dry or not, it is an error of the journal and the file is left alone."""
    path = tmp_path / "text.db"
    path.write_text("no database at all" * 100)
    for dry in (True, False):
        with pytest.raises(JournalError, match=r"text\.db"):
            prune(path, Choice(), dry=dry)
    assert path.read_text().startswith("no database")


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A typing error must not leave an empty file."""
    with pytest.raises(JournalError, match="there is no journal"):
        prune(tmp_path / "j.db", Choice())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_not_pruned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds it: nothing has changed, and the error says what to do."""
    monkeypatch.setattr(pruning, "PATIENCE_MS", 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="not pruned: database is locked; another process has locked the file"):
        prune(path, Choice())
    other.close()
    assert runs_of(path) == list(RUNS)


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def pruned(path: Path) -> Path:
    """The first run, every other row of 1 to 7, is gone; row 91 says so."""
    prune(path, Choice(runs=("r1",)))
    return path


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM rows WHERE sequence = 2", 2),
        ("DELETE FROM rows WHERE sequence = 8", 8),
        ("UPDATE rows SET hash = zeroblob(32) WHERE sequence = 4", 4),
        ("UPDATE rows SET row = CAST(replace(CAST(row AS TEXT), 'xxx', 'yyy') AS BLOB) WHERE sequence = 6", 6),
        ("UPDATE rows SET row = CAST(replace(CAST(row AS TEXT), '[1,1,', '[1,2,') AS BLOB) WHERE sequence = 91", 91),
        ("UPDATE rows SET topic = 'task.x' WHERE sequence = 91", 1),
        ("DELETE FROM rows WHERE sequence = 91", 1),
    ],
)
def test_tampering_around_a_gap_is_found_and_the_row_named(pruned: Path, statement: str, named: int) -> None:
    """Rows that nobody says are gone are missing; whoever changes what is said to be gone is found at that row."""
    edit(pruned, statement)
    with pytest.raises(JournalTamperedError) as caught, JournalReader(pruned) as reader:
        reader.verify()
    assert caught.value.sequence == named


def test_a_row_of_anchors_that_names_no_rows_is_refused(path: Path) -> None:
    """Whatever it holds, and though its hash is right."""
    for body in ({}, {"ranges": [[1]]}, {"ranges": [[1, 2, "zz"]]}, {"ranges": 7}):
        copy = path.with_name("copy.db")
        shutil.copy(path, copy)
        asyncio.run(write(copy, "journal", [Envelope("x1", JOURNAL_PRUNED, "", "", 0.0, body)]))
        with pytest.raises(JournalTamperedError, match="row 91: names no rows"), JournalReader(copy) as reader:
            reader.verify()


def test_a_head_noted_earlier_must_still_be_the_hash_of_a_row(pruned: Path) -> None:
    """Cutting off the tail and correcting the head deceives nobody who has noted the head."""
    with JournalReader(pruned) as reader:
        noted = reader.verify().head
        before = [row.hash for row in reader.rows()]
    for known in (noted, before[0], bytes(32)):
        with JournalReader(pruned) as reader:
            assert reader.verify(known).pruned == 4
    asyncio.run(write(pruned, "r9", [row(1)]))
    with JournalReader(pruned) as reader:
        assert reader.verify(noted).rows == 88
    edit(
        pruned,
        "DELETE FROM rows WHERE sequence > 91",
        "UPDATE head SET sequence = 91, hash = (SELECT hash FROM rows WHERE sequence = 91)",
    )
    with JournalReader(pruned) as reader:
        reader.verify()
        with pytest.raises(JournalTamperedError, match="no row has the head given"):
            reader.verify(b"\x01" * 32)


def test_anchors_are_as_few_as_can_be() -> None:
    """Rows side by side make one range, with the hash of the last."""
    rows = [(n, bytes([n])) for n in (1, 2, 3, 5, 7, 8)]
    assert ranges(rows) == [Anchor(1, 3, b"\x03"), Anchor(5, 5, b"\x05"), Anchor(7, 8, b"\x08")]


def test_many_ranges_are_told_in_several_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row stays of a reasonable size, whatever was interleaved with what."""
    monkeypatch.setattr("orchestrator.journal.anchors._MOST_RANGES", 2)
    prune(path, Choice(runs=("r1",)))
    with JournalReader(path) as reader:
        assert [len(row.envelope.body["ranges"]) for row in reader.rows(topics=[JOURNAL_PRUNED])] == [2, 2]
        assert reader.verify().pruned == 4
