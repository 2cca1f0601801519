from collections import Counter
from typing import Any

import pytest

from orchestrator.clock import VIRTUAL_EPOCH, new_envelope_id, run_virtual
from orchestrator.context import TaskContext
from orchestrator.errors import PointsmanError
from orchestrator.journal import MemoryJournal, Row
from orchestrator.messages import Envelope, Task
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from orchestrator.revival import dead_letters, ended_with, find_dead
from orchestrator.testing import ScriptedAgent, in_virtual_time
from orchestrator.topics import TASK_DROPPED, TASK_REVIVED
from tests.orchestrator.runs import make
from tests.orchestrator.test_resumption import Ledger, reopened, resume, topics

POLICY = Policy(retry=Retry(max_attempts=2, backoff_s=1, jitter=0))


class Mender:
    """Books, and then fails until it is mended."""

    def __init__(self, ledger: Ledger, *, mended: bool = False) -> None:
        self.card = ScriptedAgent("a", policy=POLICY).card
        self.ledger, self.mended = ledger, mended

    async def handle(self, task: Task, context: TaskContext) -> Any:
        receipt = await context.effect("book", self.ledger.book)
        if task.id in ("t1", "t6") and not self.mended:
            raise ConnectionError(f"{task.id}: no line")
        return receipt


TASKS = (
    Task("t1", "a"),
    Task("t2", "a", after=("t1",)),
    Task("t3", "a", after=("t2",), on_failure="skip"),
    Task("t4", "a", after=("t1",), on_failure="continue"),
    Task("t5", "a", after=("t1", "t6")),
    Task("t6", "a"),
)


async def run_to_death() -> list[Row]:
    journal = MemoryJournal("r")
    async with make([Mender(Ledger())], journal) as o:
        await o.run(Plan(name="p", tasks=TASKS))
    return journal.rows


ROWS = run_virtual(run_to_death())


def said(rows: list[Row], topic: str, *tasks: str) -> list[Row]:
    """Return rows and, after them, what a postscript about dead letters adds."""
    journal = reopened(rows)
    for task in tasks:
        dead = find_dead(journal.select, task, "")
        journal.append(Envelope(new_envelope_id(), topic, task, dead.id, VIRTUAL_EPOCH, {}))
    return journal.rows


def resumed(rows: list[Row]) -> tuple[MemoryJournal, dict[str, Any], Ledger]:
    async def go() -> tuple[MemoryJournal, dict[str, Any], Ledger]:
        journal, ledger = reopened(rows), Ledger()
        for row in rows:
            if row.envelope.topic == "effect.done":
                ledger.done[row.envelope.body["key"]] += 1
        async with resume([Mender(ledger, mended=True)], journal) as o:
            return journal, await o.results(), ledger

    return run_virtual(go())


@in_virtual_time
async def test_dead_letters_are_found_by_agent_cause_and_run() -> None:
    """A part of the cause is enough, in capitals or not."""
    select = reopened(ROWS).select
    assert [one.task for one in dead_letters(select)] == ["t1", "t6"]
    assert [one.task for one in dead_letters(select, cause="T6: NO")] == ["t6"]
    assert [one.task for one in dead_letters(select, agent="a", run="r")] == ["t1", "t6"]
    assert dead_letters(select, agent="b") == dead_letters(select, run="q") == []
    assert find_dead(select, "t1", "").attempts == 2
    assert ended_with(select, find_dead(select, "t1", "")) == ["t2", "t5", "t3"]
    with pytest.raises(PointsmanError, match=r"task 't2' is no dead letter; .*known: t1, t6"):
        find_dead(select, "t2", "")


def test_a_revived_task_is_done_and_so_are_those_that_ended_only_because_of_it() -> None:
    """From the first attempt on; its effects have their receipts. Whatever another dead letter dooms stays ended."""
    journal, results, ledger = resumed(said(ROWS, TASK_REVIVED, "t1"))
    assert {name: result.status for name, result in results.items()} == {
        "t1": "completed",
        "t2": "completed",
        "t3": "completed",
        "t4": "completed",
        "t5": "failed",
        "t6": "dead_lettered",
    }
    assert results["t1"].attempts == 1
    assert set(ledger.done.values()) == {1}, "no effect is done again"
    assert topics(journal, "t4").count("task.started") == 1, "what went on without it is not done again"
    revived = next(row.envelope.id for row in journal.select(topics=(TASK_REVIVED,)))
    commands = [row.envelope for row in journal.select(task="t1", topics=("agent.a",))]
    assert commands[-1].causation_id == revived, "the chain of causes holds"
    assert [one.task for one in dead_letters(journal.select)] == ["t6"]


def test_all_of_them_revived_leave_nothing_undone() -> None:
    """A task that waited for both is done, too."""
    _, results, ledger = resumed(said(ROWS, TASK_REVIVED, "t1", "t6"))
    assert {result.status for result in results.values()} == {"completed"}
    assert set(ledger.done.values()) == {1}


WHOLE = resumed(said(ROWS, TASK_REVIVED, "t1", "t6"))[0].rows


@pytest.mark.parametrize("cut", range(len(ROWS) + 2, len(WHOLE) + 1))
def test_a_run_with_revived_tasks_that_crashed_after_any_row_goes_on_to_the_same_end(cut: int) -> None:
    """However often it is resumed; a last attempt cut short counts, as ever."""
    journal, results, ledger = resumed(WHOLE[:cut])
    assert {result.status for result in results.values()} == {"completed"}
    assert set(ledger.done.values()) == {1}
    ends = Counter(row.envelope.correlation_id for row in journal.select(topics=("task.completed",)))
    assert set(ends.values()) == {1}


def test_a_revived_task_that_fails_again_is_a_dead_letter_again() -> None:
    """And can be revived again."""

    async def go() -> MemoryJournal:
        journal = reopened(said(ROWS, TASK_REVIVED, "t1"))
        async with resume([Mender(Ledger())], journal) as o:
            assert (await o.results())["t1"].attempts == 2
        return journal

    journal = run_virtual(go())
    assert [one.task for one in dead_letters(journal.select)] == ["t6", "t1"]
    _, results, _ = resumed(said(journal.rows, TASK_REVIVED, "t1"))
    assert (results["t1"].status, results["t2"].status) == ("completed", "completed")


def test_a_dropped_letter_is_listed_no_more_and_stays_ended() -> None:
    """What happened stays in the journal."""
    rows = said(ROWS, TASK_DROPPED, "t1")
    journal, results, _ = resumed(rows)
    assert [one.task for one in dead_letters(journal.select)] == ["t6"]
    assert results["t1"].status == "dead_lettered"
