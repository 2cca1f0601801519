"""The postscript: rows that are added to a journal when no run writes them, such as what people said afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from orchestrator.clock import SystemClock, new_envelope_id
from orchestrator.journal import SqliteJournal
from orchestrator.messages import Envelope
from orchestrator.settings import Settings

#: The name under which changes of who serves are on record: they belong to no run.
MODELS_RUN: Final = "models"


class Entry(NamedTuple):
    """A row to be: the run that it is about, its topic and body, the task, and the envelope that led to it."""

    run: str
    topic: str
    body: Mapping[str, Any]
    task: str = ""
    cause: str = ""


def append(settings: Settings, entries: Sequence[Entry]) -> list[Envelope]:
    """Append rows to the journal of the settings, chained like any other; return them once they are safe.

    A run may write the same file meanwhile. A row of a run that is over bears its name, and an id that no run makes.

    Raises:
        JournalError: if the journal cannot be opened or written; earlier entries may be on record then.
    """
    return asyncio.run(_append(settings, entries))


async def _append(settings: Settings, entries: Sequence[Entry]) -> list[Envelope]:
    clock, made = SystemClock(), []
    for run in dict.fromkeys(entry.run for entry in entries):
        journal = SqliteJournal(settings.journal, run, durability=settings.durability, lease_s=None)
        try:
            for entry in entries:
                if entry.run == run:
                    at = clock.now()
                    made.append(Envelope(new_envelope_id(), entry.topic, entry.task, entry.cause, at, entry.body))
                    journal.append(made[-1])
            await journal.sync()
        finally:
            await journal.aclose()
    return made
