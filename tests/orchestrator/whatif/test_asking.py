"""Asking: a run gone through once; whether its decisions add up; what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Row
from orchestrator.messages import Task
from orchestrator.testing import FixedRouter
from orchestrator.whatif import Alternative, WhatIf, audit, what_if
from tests.orchestrator.runs import make

Live = Callable[..., list[Row]]
Ask = Callable[..., WhatIf]

TASKS = (
    Task("clear", "balance the ledger of the day"),
    Task("doubtful", "poem zzz qqq www"),
    Task("strange", "zzz qqq"),
    Task("pinned", "whatever", agent="poet"),
)


def test_every_decision_of_a_run_follows_from_its_record(live: Live) -> None:
    """Those that the router took, with their confidence; the others have nothing to recompute."""
    found = audit("r", live(*TASKS))
    assert (found.decisions, found.asked, found.judged, found.faults) == (4, 3, 3, {})
    assert found.to_json() == {"ok": True, "decisions": 4, "asked": 3, "judged": 3, "faults": []}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"chosen": "sweeper"}, "chosen: sweeper on record, poet by the router's choice"),
        ({"chosen": "sweeper", "policy": "fallback"}, "chosen: the fallback on record, poet by the router's choice"),
        ({"margin": 0.9}, "margin: 0.9 on record"),
        ({"confidence": 0.1}, "confidence: 0.1 on record"),
    ],
)
def test_a_record_that_was_changed_is_named_by_its_row(live: Live, changed: dict[str, Any], said: str) -> None:
    """And what of it does not follow."""
    rows = live(*TASKS)
    at = next(at for at, row in enumerate(rows) if row.envelope.correlation_id == "doubtful" and _holds(row))
    decision = {**rows[at].envelope.body["decision"], **changed}
    rows[at] = replace(rows[at], envelope=rows[at].envelope._replace(body={"decision": decision}))
    faults = audit("r", rows).faults
    assert list(faults) == [rows[at].sequence]
    assert any(line.startswith(said) for line in faults[rows[at].sequence]), faults


def test_the_whole_answer_is_json(ask: Ask) -> None:
    """Counts by kind, both sides of each answer, what follows, what is not on record."""
    found = ask(*TASKS, supposed=Alternative(0.9))
    body = json.loads(json.dumps(found.to_json()))
    assert body["counts"] == {"same": 3, "abstains": 1}
    assert body["answers"][0]["before"]["chosen"] == "poet"
    assert body["answers"][0]["after"]["chosen"] is None
    assert body["answers"][0]["after"]["abstained"] == "below-threshold"
    assert body["limits"]


def test_a_run_without_changes_has_no_limits(ask: Ask) -> None:
    """There is nothing that it would have to say."""
    found = ask(*TASKS, supposed=Alternative(0.5))
    assert (found.answers, found.follows, found.limits) == ((), (), ())


def test_rows_that_no_run_writes_are_refused(live: Live) -> None:
    """With the number of the row, and what to do."""
    rows = live(*TASKS)
    at = next(at for at, row in enumerate(rows) if _holds(row))
    rows[at] = replace(rows[at], envelope=rows[at].envelope._replace(body={"decision": {"policy": "learned"}}))
    with pytest.raises(JournalError, match=rf"row {rows[at].sequence} \(task.*pointsman doctor"):
        what_if("r", rows, Alternative(0.5))


def test_a_decision_on_a_task_of_nobody_is_left_out(live: Live) -> None:
    """Somebody published it by hand: it is on record, and about no task of the run."""
    rows = live(*TASKS)
    stray = next(row for row in rows if _holds(row))
    rows.append(replace(stray, envelope=stray.envelope._replace(correlation_id="nobodys")))
    assert what_if("r", rows, Alternative(0.5)).decisions == 4


def test_a_router_that_says_nothing_of_its_confidence_is_taken_at_its_word() -> None:
    """One of somebody else's: its rows have no calibration, and what follows from its numbers is known all the same."""
    from orchestrator.clock import run_virtual
    from orchestrator.journal import MemoryJournal
    from orchestrator.testing import ScriptedAgent

    journal = MemoryJournal("r")

    async def go() -> None:
        async with make([ScriptedAgent("poet")], journal, router=FixedRouter()) as o:
            await o.submit("poet, please", id="a")
            await o.idle()

    run_virtual(go())
    assert "calibration" not in journal.rows[0].envelope.body["routing"]
    found = audit("r", journal.rows)
    assert (found.asked, found.judged, found.faults) == (1, 0, {})


def _holds(row: Row) -> bool:
    return "decision" in row.envelope.body
