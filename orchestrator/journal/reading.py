"""Reading back: how a run looks at the journal that it writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from orchestrator.errors import JournalError
from orchestrator.journal.base import Journal
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rows import Row
from orchestrator.journal.sqlite import SqliteJournal


class Select(Protocol):
    """Yields rows of a journal, as `JournalReader.rows` does."""

    def __call__(self, *, run: str = "", task: str = "", topics: Collection[str] = ()) -> Iterator[Row]:
        """Yield rows in order of sequence."""
        ...


@contextmanager
def reading(journal: Journal) -> Iterator[Select]:
    """Give a way to read what a journal holds: what is durable, so `sync` first.

    Raises:
        JournalError: if it is none of ours.
    """
    if isinstance(journal, MemoryJournal):
        yield journal.select
    elif isinstance(journal, SqliteJournal):
        with JournalReader(journal.path) as reader:
            yield reader.rows
    else:
        raise JournalError(f"a {type(journal).__name__} cannot be read back; give a journal that can")


def newer(journal: Journal, run: str, topics: Collection[str], after: int) -> tuple[int, list[Row]]:
    """Return what a run has on record beyond a row, on some topics, and the number of the last row that was looked at.

    Args:
        journal: where.
        run: its id.
        topics: which topics.
        after: sequence number of the row.

    Raises:
        JournalError: if it cannot be read, or is none of ours.
    """
    if isinstance(journal, MemoryJournal):
        rows = journal.rows[after:]
        return after + len(rows), [row for row in rows if row.run == run and row.envelope.topic in topics]
    if not isinstance(journal, SqliteJournal):
        raise JournalError(f"a {type(journal).__name__} cannot be read back; give a journal that can")
    with JournalReader(journal.path) as reader:
        last = reader.last()  # first: what comes meanwhile is looked at again next time
        return last, list(reader.rows(run=run, topics=topics, after=after))
