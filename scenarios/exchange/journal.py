"""Owns the writing of imported runs: rows that another process made, put into a journal as a run of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.errors import DocumentError, JournalError
from orchestrator.journal import SqliteJournal, decode
from orchestrator.messages import Envelope
from orchestrator.resumption import refuse_begun

_HINT = "give what `pointsman journal export` wrote"


def write_run(journal: Path, run: str, rows: Iterable[Envelope]) -> int:
    """Put rows into a journal as they are; return how many.

    Args:
        journal: the file; made if it is not there.
        run: under which id; there must be no rows of it.
        rows: in order.

    Raises:
        JournalError: if the journal has the run already, or cannot be written.
    """
    return asyncio.run(_write(journal, run, rows))


async def _write(path: Path, run: str, rows: Iterable[Envelope]) -> int:
    journal = await SqliteJournal.open(path, run)
    try:
        refuse_begun(journal, run)
        for row in rows:
            if not journal.append(row):
                await journal.sync()
        await journal.sync()
    finally:
        await journal.aclose()
    return journal.statistics().appended


def runs_in(path: Path) -> list[str]:
    """Return the runs in a file of rows, in the order of their first ones.

    Raises:
        DocumentError: if it cannot be read, is empty, or a line is no row; with its number.
    """
    runs = list(dict.fromkeys(run for run, _ in read_rows(path)))
    if not runs:
        raise DocumentError(path, 0, 0, "it has no row", _HINT)
    return runs


def read_rows(path: Path, only: str = "") -> Iterator[tuple[str, Envelope]]:
    """Yield the rows of a file of JSON Lines with their runs, of one run only where it is given.

    Raises:
        DocumentError: if it cannot be read, or a line is no row; with its number.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    run, row = decode(line)
                except JournalError as error:
                    raise DocumentError(path, number, 1, f"no row of a journal: {error}", _HINT) from None
                if only in ("", run):
                    yield run, row
    except OSError as error:
        raise DocumentError(path, 0, 0, f"it cannot be read: {error.strerror}", "check the path") from None
