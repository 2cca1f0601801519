import tracemalloc

import pytest

from orchestrator.errors import JournalError, NotJsonError
from orchestrator.journal import GENESIS, JournalStatistics, MemoryJournal, chain
from orchestrator.messages import Envelope
from orchestrator.testing import in_virtual_time


def envelope(n: int, body: object = 1) -> Envelope:
    return Envelope(str(n), "task.x", "t", "", 1.0, {"n": body}, {"x_s": 0.5})


@in_virtual_time
async def test_rows_are_chained_and_exported_as_json_lines() -> None:
    """One canonical line a row, and measured durations in none of them."""
    journal = MemoryJournal("r")
    assert journal.append(envelope(1))
    assert journal.append(envelope(2))
    await journal.sync()
    first, second = journal.rows
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.hash == chain(GENESIS, first.canonical)
    assert second.hash == chain(first.hash, second.canonical)
    assert journal.export() == first.canonical + b"\n" + second.canonical + b"\n"
    assert b"x_s" not in journal.export()
    assert journal.statistics() == JournalStatistics(appended=2, durable=0, commits=0)


@in_virtual_time
async def test_what_is_no_json_is_refused_and_the_journal_goes_on() -> None:
    """A refused envelope leaves no trace."""
    journal = MemoryJournal("r")
    with pytest.raises(NotJsonError):
        journal.append(envelope(1, object()))
    journal.append(envelope(2))
    assert [row.envelope.id for row in journal.rows] == ["2"]


@in_virtual_time
async def test_a_closed_journal_takes_nothing_more() -> None:
    """Closing twice is fine; appending afterwards is not."""
    journal = MemoryJournal("r")
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(JournalError, match="closed"):
        journal.append(envelope(1))


@in_virtual_time
async def test_a_row_takes_little_more_than_what_it_holds() -> None:
    """Bytes as the encoder gives them hold on to four kilobytes each: a run of 100,000 tasks would keep gigabytes."""
    journal = MemoryJournal("r")
    envelopes = [envelope(number) for number in range(200)]
    tracemalloc.start()
    for one in envelopes:
        journal.append(one)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1000 * len(envelopes)
