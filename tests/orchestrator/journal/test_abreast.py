"""Two runs of one journal compared inside SQLite: which rows differ, and when that says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import JournalReader, Pair, Side, SqliteJournal
from orchestrator.messages import Envelope

SIZE = 6


async def write(path: Path, run: str, bodies: Iterable[object], at: float, topic: str = "a.b") -> None:
    """Append a run to a journal."""
    journal = SqliteJournal(path, run, lease_s=None)
    for number, body in enumerate(bodies, start=1):
        journal.append(Envelope(str(number), topic, "t", "", at + number, {"x": body}))
    await journal.aclose()


def compare(path: Path, size: int = SIZE, but: str = "said") -> list[Pair] | None:
    """Compare the runs `r` and `of-r`, the second behind the first."""
    with JournalReader(path) as reader:
        sides = [Side(run, reader.begin_of(run), b',"run":"%b","task":"' % run.encode()) for run in ("r", "of-r")]
        return reader.compare(sides[0], sides[1], size, but=but)


@pytest.mark.parametrize(
    ("bodies", "differ"),
    [
        ([0, 1, 2, 3, 4, 5], []),
        ([0, 1, "\0", 3, 4, "é"], [2, 5]),
        ([9, 1, 2, 3, 4, 5, 6], [0]),
        ([9, 9, 9, 9, 4, 5], None),
        ([0, 1, 2, 3, 4], None),
    ],
)
async def test_rows_that_differ_are_told(tmp_path: Path, bodies: list[object], differ: list[int] | None) -> None:
    """In other than their times and their run; nothing where most of them do, or one run ends before."""
    await write(tmp_path / "j.db", "r", range(SIZE), 1.0)
    await write(tmp_path / "j.db", "of-r", bodies, 3000.5)
    found = compare(tmp_path / "j.db")
    assert (None if found is None else [pair.at for pair in found]) == differ
    for pair in found or ():
        assert b'"run":"r"' in pair.recorded
        assert b'"run":"of-r"' in pair.actual


async def test_other_rows_in_between_say_that_they_are_better_read(tmp_path: Path) -> None:
    """Of another run, of either one, or of a topic that is left out."""
    for run, bodies in (("r", range(3)), ("of-r", range(SIZE)), ("r", range(3))):
        await write(tmp_path / "j.db", run, bodies, 1.0)
    assert compare(tmp_path / "j.db") is None
    assert compare(tmp_path / "j.db", 3) == []
    assert compare(tmp_path / "j.db", 3, but="a.b") is None


async def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path) -> None:
    """Which names it."""
    path = tmp_path / "j.db"
    for run in ("r", "of-r"):
        await write(path, run, ["x" * 20_000] * SIZE, 1.0)
    with JournalReader(path) as reader:
        sides = [Side(run, reader.begin_of(run), b"-") for run in ("r", "of-r")]
        path.write_bytes(path.read_bytes()[: 4 * 16_384])
        with pytest.raises(JournalError, match="cannot be read"):
            reader.compare(sides[0], sides[1], SIZE, but="")
