"""Consequences: what becomes of tasks that wait for one whose decision would have been another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.errors import JournalError
from orchestrator.journal import Row
from orchestrator.messages import Task
from orchestrator.testing import ScriptedAgent
from orchestrator.whatif import Alternative, WhatIf, what_if

Live = Callable[..., list[Row]]
Ask = Callable[..., WhatIf]

FIRST = Task("first", "poem zzz qqq www")  # 0.72 for the poet
CLEAR = "balance the ledger of the day"
HIGH, LOW = Alternative(0.9), Alternative(0.0)


def after(name: str, *others: str, **given: Any) -> Task:
    """Return a task that waits for others."""
    return Task(name, CLEAR, after=others, **given)


def told(found: WhatIf) -> dict[str, tuple[str, str]]:
    """Return effect and cause, by task."""
    return {one.task: (one.effect, one.because) for one in found.follows}


def test_what_waits_for_a_task_that_nobody_gets_ends_as_it_says(ask: Ask) -> None:
    """Failed, skipped, or gone on without the output; and so on down the graph."""
    found = ask(
        FIRST,
        after("fails", "first"),
        after("skips", "first", on_failure="skip"),
        after("goes-on", "first", on_failure="continue"),
        after("below", "skips"),
        after("beside"),
        supposed=HIGH,
    )
    assert told(found) == {
        "fails": ("fails", "first"),
        "skips": ("skipped", "first"),
        "goes-on": ("without-input", "first"),
        "below": ("fails", "skips"),
    }


def test_what_waits_for_a_task_that_somebody_gets_is_reached_perhaps(ask: Ask) -> None:
    """If that completes: nothing on record says so, nor who would get it."""
    found = ask(FIRST, after("then", "first"), after("below", "then"), supposed=LOW, at=0.9)
    assert told(found) == {"then": ("reached", "first"), "below": ("reached", "then")}
    assert "nothing says who gets it" in found.follows[0].told


def test_what_another_agent_makes_may_be_something_else(ask: Ask) -> None:
    """Whatever waits for it goes on with that."""
    moved = Task("first", "the ledger room")
    found = ask(moved, after("then", "first"), supposed=Alternative(without=frozenset({"sweeper"})))
    assert told(found) == {"then": ("other-input", "first")}


def test_what_was_ended_by_another_task_is_ended_by_it_again(ask: Ask) -> None:
    """That one is what it was."""
    strange = Task("strange", "zzz qqq")
    found = ask(strange, FIRST, after("both", "strange", "first"), supposed=HIGH)
    assert told(found) == {}


def test_what_nobody_gets_with_any_input_stays_with_nobody(ask: Ask) -> None:
    """The router reads the request alone: nothing changes for it, or for what waits for it."""
    strange = Task("strange", "zzz qqq", after=("first",), on_failure="continue")
    found = ask(FIRST, strange, after("then", "strange"), supposed=HIGH)
    assert told(found) == {}


def test_what_no_longer_completes_is_no_news_where_it_did_not_before(ask: Ask) -> None:
    """It failed on record, and would be abstained on: what waits for it ends alike."""
    broken = [ScriptedAgent("poet", [ValueError("no ink")], examples=["write a poem", "a poem about spring"])]
    found = ask(
        FIRST, after("then", "first"), after("on", "first", on_failure="continue"), supposed=HIGH, agents=broken
    )
    assert [answer.kind for answer in found.answers if answer.task == "first"] == ["abstains"]
    assert "then" not in told(found)
    assert "on" not in told(found)


def test_a_task_that_depends_on_what_is_not_told_is_not_told_of(live: Live) -> None:
    """An older record: whether the new leader would be sure enough is not known."""
    rows = [
        replace(row, envelope=row.envelope._replace(body={**row.envelope.body, "routing": {}}))
        if row.envelope.topic == "run.started"
        else row
        for row in live(FIRST, after("then", "first"), after("below", "then"))
    ]
    found = what_if("r", rows, Alternative(without=frozenset({"poet"})))
    assert told(found) == {"then": ("depends", "first"), "below": ("depends", "then")}


def test_tasks_that_an_agent_added_go_with_its_task(ask: Ask) -> None:
    """Nobody adds them; where another agent does the task, it may add others."""

    def add(_task: Task, context: Any) -> str:
        context.add_task("zzz dry the ink", id="child", agent="poet")
        return "roses"

    def agents() -> list[ScriptedAgent]:
        poems = ["write a poem", "a poem about spring"]
        return [
            ScriptedAgent("poet", [add, "dry"], examples=poems),
            ScriptedAgent("clerk", examples=["stamp the form"]),
        ]

    found = ask(FIRST, after("then", "first"), supposed=HIGH, agents=agents())
    assert told(found) == {"child": ("not-added", "first"), "then": ("fails", "first")}
    supposed = Alternative(0.0, frozenset({"poet"}))
    found = ask(FIRST, after("then", "first"), supposed=supposed, agents=agents())
    assert told(found)["child"] == ("added-by-another", "first")
    assert told(found)["then"][0] == "other-input"


def test_where_people_are_asked_nothing_ends_for_want_of_an_agent(ask: Ask) -> None:
    """They may name one: what waits for it may go on."""
    found = ask(FIRST, after("then", "first"), supposed=HIGH, when_abstained="ask")
    assert [answer.kind for answer in found.answers if answer.task == "first"] == ["abstains"]
    assert told(found) == {"then": ("other-input", "first")}


def test_tasks_in_a_circle_are_refused(live: Live) -> None:
    """No run writes that."""
    rows = live(FIRST, Task("second", CLEAR))
    circle = [_waiting(row, {"first": "second", "second": "first"}) for row in rows]
    with pytest.raises(JournalError, match="wait for each other"):
        what_if("r", circle, HIGH)


def _waiting(row: Row, after: dict[str, str]) -> Row:
    if row.envelope.topic != "task.submitted":
        return row
    task = {**row.envelope.body["task"], "after": [after[row.envelope.correlation_id]]}
    return replace(row, envelope=row.envelope._replace(body={"task": task}))
