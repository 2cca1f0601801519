"""The verdict over one complete run: what was lost, what was done twice, and whether its journal is in order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.chaos.cast import RUN, Bank, expected_tasks
from benchmarks.chaos.life import bank_of, journal_of
from orchestrator.journal import JournalReader, Row
from orchestrator.topics import (
    EFFECT_DONE,
    EFFECT_INTENDED,
    ENDINGS,
    RUN_RESUMED,
    TASK_COMPLETED,
    TASK_RETRIED,
    TASK_STARTED,
)


class Verdict(NamedTuple):
    """What became of a run.

    Attributes:
        tasks: how many it had, added ones included.
        lost: tasks that did not complete, or were never booked.
        twice: bookings beyond the first of each task.
        faults: what its journal shows that must not be, such as a task that ended twice.
        burnt: attempts that ended without an outcome, and were counted.
        resumed: how often it was resumed.
        attempts: attempts begun.
        rows: of its journal.
    """

    tasks: int
    lost: int
    twice: int
    faults: tuple[str, ...]
    burnt: int
    resumed: int
    attempts: int
    rows: int


def judge_run(folder: Path, tasks: int) -> Verdict:
    """Look at the ledger and the journal of a run that says that it is over."""
    bank = Bank(bank_of(folder))
    booked = bank.bookings()
    bank.close()
    expected = expected_tasks(tasks)
    with JournalReader(journal_of(folder)) as reader:
        reader.verify()
        rows = list(reader.rows(run=RUN))
    completed = {row.envelope.correlation_id for row in rows if row.envelope.topic == TASK_COMPLETED}
    counts = Counter(row.envelope.topic for row in rows)
    return Verdict(
        tasks=len(expected),
        lost=len(expected - (completed & booked.keys())),
        twice=sum(number - 1 for number in booked.values()),
        faults=tuple(_faults(rows, expected)),
        burnt=_burnt(rows),
        resumed=counts[RUN_RESUMED],
        attempts=counts[TASK_STARTED],
        rows=len(rows),
    )


def _burnt(rows: list[Row]) -> int:
    """Return how many attempts the ends of tasks count beyond those that failed and the one that completed."""
    ends = [row.envelope.body["attempts"] for row in rows if row.envelope.topic == TASK_COMPLETED]
    retried = [row for row in rows if row.envelope.topic == TASK_RETRIED]
    return int(sum(ends)) - len(ends) - len(retried)


def _faults(rows: list[Row], expected: set[str]) -> list[str]:
    ended: set[str] = set()
    done: set[str] = set()
    found = []
    for row in rows:
        topic, task = row.envelope.topic, row.envelope.correlation_id
        if task and task not in expected:
            found.append(f"row {row.sequence}: task {task!r} is none of the plan")
        if topic in ENDINGS:
            if task in ended:
                found.append(f"row {row.sequence}: task {task!r} ended twice")
            ended.add(task)
        elif topic == TASK_STARTED and task in ended:
            found.append(f"row {row.sequence}: task {task!r} began after its end")
        elif topic == EFFECT_DONE:
            done.add(row.envelope.body["key"])
        elif topic == EFFECT_INTENDED and row.envelope.body["key"] in done:
            found.append(f"row {row.sequence}: effect {row.envelope.body['key']!r} begun in spite of its receipt")
    return found
