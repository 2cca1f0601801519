"""The rows of a run, from wherever they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import DocumentError, JournalError, PointsmanError
from orchestrator.journal import JournalReader, MemoryJournal, SqliteJournal
from orchestrator.messages import Envelope
from scenarios import track as subject
from scenarios.divergence import compare
from scenarios.track import CHUNK, FileTrack, JournalTrack, MemoryTrack, Track
from tests.scenarios.recorded import record

COUNT = 2 * CHUNK + 5


def envelopes(count: int) -> list[Envelope]:
    """Return that many, each seventh of them about a judgement."""
    return [
        Envelope(str(n), "task.judged" if n % 7 == 0 else "a.b", "t", "", 1.0, {"n": "é" * (n % 50)})
        for n in range(1, count + 1)
    ]


@pytest.fixture
def reads() -> Iterator[Callable[[Path], JournalReader]]:
    """Return what opens a journal until the test is over."""
    with ExitStack() as opened:
        yield lambda path: opened.enter_context(JournalReader(path))


async def in_all_ways(folder: Path, count: int, reads: Callable[[Path], JournalReader]) -> list[Track]:
    """Return the same run as four tracks, in the journal with another one in between."""
    journal, memory = SqliteJournal(folder / "j.db", "r", lease_s=None), MemoryJournal("r")
    other = SqliteJournal(folder / "j.db", "r2", lease_s=None)
    for envelope in envelopes(count):
        journal.append(envelope)
        memory.append(envelope)
        if envelope.id == "3":
            await journal.sync()
            other.append(envelope)
            await other.sync()
    await journal.aclose()
    await other.aclose()
    file = folder / "r.jsonl"
    file.write_bytes(memory.export())
    reader = reads(folder / "j.db")
    return [JournalTrack(reader, "r"), FileTrack(file), MemoryTrack(memory.rows), MemoryTrack(memory.export())]


@pytest.mark.parametrize("count", [1, CHUNK, COUNT])
async def test_all_tracks_of_a_run_give_the_same_rows(
    tmp_path: Path, count: int, reads: Callable[[Path], JournalReader]
) -> None:
    """In chunks of one size, as often as they are asked; each row again by its number; judgements left out."""
    tracks = await in_all_ways(tmp_path, count, reads)
    wanted = list(MemoryTrack(memory_of(count)).chunks())
    for one in tracks:
        assert one.run == "r"
        assert list(one.chunks()) == wanted
        assert list(one.chunks()) == wanted
        rows = list(itertools.chain(*wanted))
        for ordinal in {0, len(rows) // 2, len(rows) - 1}:
            assert one.row(ordinal) == rows[ordinal]
    if count == COUNT:
        assert [one.place(6) for one in tracks] == [9, 8, 8, 8]  # the seventh is a judgement; the journal has one more
    for one, other in itertools.combinations(tracks, 2):
        assert compare(one, other).same


def memory_of(count: int) -> bytes:
    """Return the run as JSON Lines."""
    journal = MemoryJournal("r")
    for envelope in envelopes(count):
        journal.append(envelope)
    return journal.export()


@pytest.mark.parametrize("block", [1, 7, 300, 1 << 20])
def test_a_file_may_have_blank_lines_other_ends_and_none_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Whatever is read at a time."""
    monkeypatch.setattr(subject, "_BLOCK", block)
    lines = memory_of(20).splitlines()
    file = tmp_path / "r.jsonl"
    file.write_bytes(b"\r\n".join(lines[:5]) + b"\n\n\r\n" + b"\n".join(lines[5:]))
    one, other = FileTrack(file), MemoryTrack(b"\n".join(lines))
    assert list(one.chunks()) == list(other.chunks())
    assert [one.row(at) for at in range(18)] == [other.row(at) for at in range(18)]
    assert [one.place(at) for at in (0, 4, 5, 6)] == [1, 5, 8, 10]


def test_a_row_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file without lines is not read into memory."""
    monkeypatch.setattr(subject, "_BLOCK", 100)
    monkeypatch.setattr(subject, "MAX_ROW", 500)
    file = tmp_path / "r.jsonl"
    file.write_bytes(memory_of(2) + b"x" * 2000)
    with pytest.raises(DocumentError, match=r"r\.jsonl:3:1: longer than 500 bytes"):
        list(FileTrack(file).chunks())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_file_is_compared_or_refused(tmp_path: Path, place: int, put: bytes, gone: int) -> None:
    """By an error of ours that names the line; nothing else comes of it."""
    text = b"".join(row.canonical + b"\n" for row in record())
    at = place % len(text)
    file = tmp_path / "r.jsonl"
    file.write_bytes(text[:at] + put + text[at + gone :])
    try:
        compare(MemoryTrack(record()), FileTrack(file))
        compare(FileTrack(file), MemoryTrack(record()))
    except PointsmanError as error:
        said = str(error)
    else:
        said = "r.jsonl"
    assert "r.jsonl" in said


def test_a_row_of_memory_that_is_none_is_refused() -> None:
    """With its number."""
    with pytest.raises(JournalError, match="row 1 of 'mine': it is no row"):
        MemoryTrack(b"nothing\n", "mine")
    with pytest.raises(JournalError, match="row 2 of 'mine': it is no row"):
        compare(MemoryTrack(memory_of(1) + b"nothing\n", "mine"), MemoryTrack(memory_of(2)))
