"""Expectations: each type, in both forms, against journals where it holds and where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from orchestrator.messages import Envelope
from scenarios.evidence import Evidence
from scenarios.expectation import Expectation
from scenarios.expectations import judge, judge_all
from scenarios.history import History
from scenarios.scenario import AnyExpectation

START = 1_767_603_600.0
ADAPTER: TypeAdapter[Expectation] = TypeAdapter(AnyExpectation)


def row(topic: str, task: str, at: float, /, **body: Any) -> Envelope:
    """Make one row of a journal."""
    return Envelope("0", topic, task, "", START + at, body)


def decision(chosen: str | None, **more: Any) -> Mapping[str, Any]:
    """Make the record of a decision that the router was asked for."""
    record = {"chosen": chosen, "policy": "learned", "abstained": None, "leader": "clerk", "runner_up": "other"}
    return {**record, "confidence": 0.9, "threshold": 0.5, **more}


ENDED = {"agent": "clerk", "attempts": 1}
# quick and slow run side by side, next follows quick; then one of every other ending.
ROWS = [
    row("run.started", "", 0),
    *(
        row("task.submitted", task, 0, task={"id": task, "parent": "quick" if task == "next" else ""})
        for task in ("quick", "slow", "next", "lost", "split", "bad", "dead", "late")
    ),
    row("task.routed", "quick", 0, decision=decision("clerk", margin=0.25)),
    row("task.started", "quick", 0, agent="clerk", attempt=1),
    row("task.routed", "slow", 0, decision={"chosen": "clerk", "policy": "pinned"}),
    row("task.started", "slow", 0, agent="clerk", attempt=1),
    row(
        "task.abstained", "lost", 0, decision=decision(None, abstained="below-threshold"), error="the router abstained"
    ),
    row("task.routed", "bad", 0, decision=decision("desk", policy="fallback", abstained="below-threshold")),
    row("task.abstained", "split", 0, decision=decision(None, abstained="near-tie"), error="the router abstained"),
    row("task.started", "bad", 0, agent="desk", attempt=1),
    row("task.failed", "bad", 0.5, agent="desk", attempts=1, error="no such account"),
    row(
        "task.completed", "quick", 1, output={"ok": True, "n": 2, "list": [1, {"a": 1, "b": 2}], "none": None}, **ENDED
    ),
    row("task.asked", "next", 1, agent="clerk", key="1", question="Stamp it?", options=["yes", "no"]),
    row("task.answered", "next", 1, key="1", answer="yes", by="Ann"),
    row("task.asked", "late", 1, agent="clerk", key="1", question="Still?", options=[]),
    row("task.started", "next", 1, agent="clerk", attempt=1),
    row("task.completed", "next", 2, output="stamped", **ENDED, spent={"tokens": 30, "cost": "0.25"}),
    row("task.started", "dead", 2, agent="clerk", attempt=1),
    row("task.retried", "dead", 2, agent="clerk", attempt=1),
    row("task.started", "dead", 3, agent="clerk", attempt=2),
    row("task.dead_lettered", "dead", 3, agent="clerk", attempts=2, error="refused"),
    row("task.skipped", "late", 3, agent="", attempts=0, error="dead did not complete"),
    row("budget.spent", "slow", 20, agent="clerk", attempt=1, tokens=70),
    row("task.completed", "slow", 30, output=None, **ENDED),
    row("run.stopped", "", 31),
]
HISTORY = History(ROWS)
EVIDENCE = Evidence(
    HISTORY,
    {"ledger": {"cards": {"c7": {"status": "FROZEN", "limit": 500}}}},
    logs=("WARNING clerk: refused for ann@example.org",),
)

HOLDS: list[dict[str, Any]] = [
    {"type": "routed", "task": "quick", "to": "clerk"},
    {"type": "routed", "task": "slow", "to": "clerk"},
    {"type": "routed", "task": "bad", "to": "desk"},
    {"type": "abstained", "task": "lost"},
    {"type": "abstained", "task": "bad"},
    {"type": "completed", "task": "quick"},
    {"type": "completed", "task": "quick", "agent": "clerk", "attempts": 1},
    {"type": "failed", "task": "bad"},
    {"type": "failed", "task": "bad", "error_contains": "account", "attempts": 1},
    {"type": "dead-lettered", "task": "dead", "error_contains": "refused", "attempts": 2},
    {"type": "skipped", "task": "late", "error_contains": "dead", "attempts": 0},
    {"type": "asked", "task": "next"},
    {"type": "asked", "task": "next", "question_contains": "Stamp", "answer": "yes"},
    {"type": "asked", "task": "late", "answer": ""},
    {"type": "order", "mode": "exact", "tasks": ["quick", "slow", "bad", "next", "dead"]},
    {
        "type": "order",
        "mode": "exact",
        "of": "ends",
        "tasks": ["lost", "split", "bad", "quick", "next", "dead", "late", "slow"],
    },
    {"type": "order", "mode": "in_order", "tasks": ["quick", "next"]},
    {"type": "order", "mode": "in_order", "of": "ends", "tasks": ["next", "slow"]},
    {"type": "order", "mode": "any_order", "tasks": ["dead", "next", "bad", "slow", "quick"]},
    {"type": "order", "mode": "contains", "tasks": ["dead", "quick"]},
    {"type": "order", "mode": "before", "tasks": ["quick", "next", "dead"]},
    {"type": "order", "mode": "parallel", "tasks": ["quick", "slow"]},
    {"type": "order", "mode": "parallel", "tasks": ["quick", "slow", "bad"]},
    {"type": "result", "task": "quick", "pointer": "/ok", "equals": True},
    {"type": "result", "task": "quick", "pointer": "/n", "equals": 2.0},
    {"type": "result", "task": "quick", "pointer": "/none", "equals": None},
    {"type": "result", "task": "slow", "equals": None},
    {"type": "result", "task": "quick", "pointer": "/list/1", "equals": {"b": 2, "a": 1.0}},
    {"type": "result", "task": "quick", "contains": {"ok": True, "list": {"a": 1}}},
    {"type": "result", "task": "quick", "pointer": "/list", "contains": 1},
    {"type": "result", "task": "quick", "pointer": "/list", "contains": {"b": 2}},
    {"type": "result", "task": "next", "contains": "amp"},
    {"type": "result", "task": "next", "matches": "^stamped$"},
    {"type": "result", "task": "quick", "pointer": "/n", "matches": "^2$"},
    {"type": "latency", "task": "next", "at_most_s": 2, "at_least_s": 2},
    {"type": "latency", "at_most_s": 30},
    {"type": "abstained", "task": "lost", "reason": "below-threshold"},
    {"type": "abstained", "task": "split", "reason": "near-tie"},
    {"type": "latency", "at_least_s": 30},
    {"type": "count", "topic": "task.completed", "equals": 3},
    {"type": "count", "topic": "task.*", "equals": 29},
    {"type": "count", "topic": "run.paused", "equals": 0},
    {"type": "count", "topic": "task.>", "task": "dead", "equals": 5},
    {"type": "count", "topic": "task.started", "where": {"/attempt": {"above": 1}}, "equals": 1},
    {"type": "count", "topic": "task.started", "at_least": 6, "at_most": 6},
    {"type": "routed", "task": "quick", "to": "clerk", "margin": {"at_least": 0.25}, "abstained": False},
    {"type": "routed", "task": "quick", "to": "clerk", "confidence": {"above": 0.5, "below": 0.95}},
    {"type": "routed", "task": "bad", "to": "desk", "abstained": True},
    {"type": "published", "topic": "task.completed"},
    {"type": "published", "topic": "task.*", "task": "next", "where": {"/question": {"contains": "Stamp"}}},
    {"type": "published", "topic": "task.completed", "where": {"/output": "stamped", "/spent/tokens": 30}},
    {"type": "published", "topic": "task.asked", "where": {"/options/1": {"matches": "^n"}}},
    {"type": "never", "topic": "funds.*"},
    {"type": "never", "topic": "task.started", "where": {"/attempt": {"at_least": 3}}},
    {"type": "never", "topic": "task.started", "where": {"/agent": {"above": 0}}},
    {"type": "never", "topic": "task.retried", "task": "quick"},
    {"type": "cost", "at_most": {"tokens": 100, "cost": "0.25", "attempts": 6}, "at_least": {"tokens": 100}},
    {"type": "cost", "task": "quick", "at_most": {"tokens": 30, "attempts": 2, "wall_s": 2}},
    {"type": "cost", "agent": "desk", "at_most": {"tokens": 0, "attempts": 1}},
    {"type": "state", "of": "ledger", "pointer": "/cards/c7/status", "equals": "FROZEN"},
    {"type": "state", "of": "ledger", "pointer": "/cards/c7/limit", "at_most": 500, "above": 499.5},
    {"type": "no-secrets", "kinds": ["card", "iban"]},
    {"type": "no-secrets", "allow": ["ann@example.org"]},
]
DOES_NOT_HOLD: list[tuple[dict[str, Any], str]] = [
    ({"type": "routed", "task": "quick", "to": "other"}, "it went to clerk (clerk before other, confidence 0.9"),
    ({"type": "routed", "task": "slow", "to": "other"}, "it was pinned to clerk"),
    ({"type": "routed", "task": "lost", "to": "clerk"}, "the router abstained (below-threshold: clerk before other"),
    ({"type": "routed", "task": "bad", "to": "clerk"}, "threshold 0.5), so it went to desk"),
    ({"type": "routed", "task": "late", "to": "clerk"}, "nobody was asked who gets it"),
    ({"type": "abstained", "task": "quick"}, "it went to clerk"),
    ({"type": "abstained", "task": "quick", "reason": "near-tie"}, "it went to clerk"),
    (
        {"type": "abstained", "task": "split", "reason": "below-threshold"},
        "the router abstained (near-tie: clerk before",
    ),
    ({"type": "abstained", "task": "slow"}, "it was pinned to clerk"),
    ({"type": "completed", "task": "bad"}, "it failed at desk after 1 attempts: no such account"),
    ({"type": "completed", "task": "quick", "attempts": 2}, "it completed at clerk after 1 attempts"),
    ({"type": "completed", "task": "quick", "agent": "other"}, "it completed at clerk"),
    ({"type": "failed", "task": "dead"}, "dead-lettered at clerk after 2 attempts: refused"),
    ({"type": "failed", "task": "bad", "error_contains": "card"}, "no such account"),
    ({"type": "failed", "task": "bad", "attempts": 3}, "after 1 attempts"),
    ({"type": "dead-lettered", "task": "bad"}, "failed at desk"),
    ({"type": "skipped", "task": "quick"}, "completed at clerk"),
    ({"type": "asked", "task": "quick"}, "it asked nothing"),
    ({"type": "asked", "task": "next", "answer": "no"}, "it asked 'Stamp it?', answered 'yes'"),
    ({"type": "asked", "task": "late", "question_contains": "Stamp"}, "it asked 'Still?'"),
    ({"type": "order", "mode": "exact", "tasks": ["quick", "slow"]}, "began: quick, slow, bad, next, dead"),
    ({"type": "order", "mode": "in_order", "tasks": ["next", "quick"]}, "began: quick"),
    ({"type": "order", "mode": "in_order", "tasks": ["quick", "late"]}, "began: quick"),
    ({"type": "order", "mode": "any_order", "tasks": ["quick", "slow"]}, "began: quick"),
    ({"type": "order", "mode": "contains", "tasks": ["quick", "late"]}, "began: quick"),
    ({"type": "order", "mode": "before", "tasks": ["next", "quick"]}, "next from 1 s to 2 s, quick from 0 s to 1 s"),
    ({"type": "order", "mode": "before", "tasks": ["slow", "dead"]}, "slow from 0 s to 30 s"),
    ({"type": "order", "mode": "before", "tasks": ["quick", "late"]}, "late from never s to 3 s"),
    ({"type": "order", "mode": "parallel", "tasks": ["quick", "next"]}, "quick from 0 s to 1 s"),
    ({"type": "order", "mode": "parallel", "tasks": ["slow", "late"]}, "late from never s"),
    ({"type": "result", "task": "quick", "pointer": "/ok", "equals": 1}, "it is true"),
    ({"type": "result", "task": "quick", "pointer": "/n", "equals": "2"}, "it is 2"),
    ({"type": "result", "task": "quick", "pointer": "/lst", "equals": 2}, "no 'lst' at the top; did you mean 'list'?"),
    ({"type": "result", "task": "bad", "equals": 2}, "it has no output: failed at desk"),
    ({"type": "result", "task": "quick", "contains": {"ok": False}}, "it is {"),
    ({"type": "result", "task": "quick", "contains": {"missing": None}}, "it is {"),
    ({"type": "result", "task": "quick", "pointer": "/list", "contains": 2}, "it is [1,"),
    ({"type": "result", "task": "quick", "pointer": "/n", "contains": 2}, "it is 2"),
    ({"type": "result", "task": "next", "contains": 3}, 'it is "stamped"'),
    ({"type": "result", "task": "next", "matches": "^amp"}, 'it is "stamped"'),
    ({"type": "latency", "task": "next", "at_most_s": 1.5}, "it took 2 s of virtual time"),
    ({"type": "latency", "task": "next", "at_least_s": 2.5}, "it took 2 s of virtual time"),
    ({"type": "latency", "at_most_s": 29}, "it took 30 s of virtual time"),
    ({"type": "count", "topic": "task.completed", "equals": 2}, "there were 3"),
    ({"type": "count", "topic": "task.completed", "at_least": 4}, "there were 3"),
    ({"type": "count", "topic": "task.completed", "at_most": 2}, "there were 3"),
    ({"type": "routed", "task": "quick", "to": "clerk", "margin": {"above": 0.25}}, "threshold 0.5, margin 0.25)"),
    ({"type": "routed", "task": "quick", "to": "clerk", "abstained": True}, "it went to clerk"),
    ({"type": "routed", "task": "bad", "to": "desk", "abstained": False}, "the router abstained"),
    ({"type": "routed", "task": "slow", "to": "clerk", "margin": {"at_least": 0}}, "it was pinned to clerk"),
    ({"type": "published", "topic": "funds.moved"}, "there was none"),
    (
        {"type": "published", "topic": "task.failed", "where": {"/error": "refused"}},
        'there was task.failed of bad: {"agent":"desk"',
    ),
    ({"type": "published", "topic": "task.failed", "where": {"/eror": {"contains": "no"}}}, "there was task.failed"),
    ({"type": "never", "topic": "task.failed"}, "there was task.failed of bad: {"),
    ({"type": "never", "topic": "task.started", "where": {"/attempt": 1}}, "and 4 more"),
    ({"type": "cost", "at_most": {"tokens": 99, "cost": 1}}, "it used 100 tokens, 0.25 cost"),
    ({"type": "cost", "task": "quick", "at_most": {"wall_s": 1.5}}, "it used 2 wall_s"),
    ({"type": "cost", "task": "bad", "at_least": {"tokens": 1}}, "it used 0 tokens"),
    ({"type": "cost", "agent": "clerk", "at_most": {"attempts": 4}}, "it used 5 attempts"),
    ({"type": "state", "of": "ledger", "pointer": "/cards/c7/status", "equals": "ACTIVE"}, 'it is "FROZEN"'),
    ({"type": "state", "of": "ledger", "pointer": "/cards/c8", "equals": {}}, "no 'c8' at /cards"),
    ({"type": "state", "of": "ledger", "pointer": "/cards/c7/status", "above": 1}, 'it is "FROZEN"'),
    ({"type": "no-secrets"}, "there is email in line 1 of the log"),
    ({"type": "no-secrets", "kinds": ["email"], "allow": ["bob@example.org"]}, "there is email in line 1 of the log"),
]
ALL_TYPES = {
    "routed", "abstained", "completed", "failed", "dead-lettered", "skipped", "asked", "order", "result", "latency",
    "count", "published", "never", "cost", "state", "no-secrets",
}  # fmt: skip


def negated(stated: dict[str, Any]) -> dict[str, Any]:
    """Return the `not-` form."""
    return {**stated, "type": f"not-{stated['type']}"}


@pytest.mark.parametrize("stated", HOLDS, ids=str)
def test_what_happened_is_met_and_its_negation_is_not(stated: dict[str, Any]) -> None:
    """An expectation that describes the run is met; its `not-` form is not."""
    assert judge(ADAPTER.validate_python(stated), EVIDENCE).met
    outcome = judge(ADAPTER.validate_python(negated(stated)), EVIDENCE)
    assert not outcome.met
    assert outcome.message.startswith(f"expected not-{stated['type']}")


@pytest.mark.parametrize(("stated", "happened"), DOES_NOT_HOLD, ids=str)
def test_what_did_not_happen_is_missed_and_says_what_did(stated: dict[str, Any], happened: str) -> None:
    """An expectation that does not describe the run is missed and says what happened; its `not-` form is met."""
    outcome = judge(ADAPTER.validate_python(stated), EVIDENCE)
    assert not outcome.met
    assert happened in outcome.message
    assert judge(ADAPTER.validate_python(negated(stated)), EVIDENCE).met


def test_both_tables_have_every_type() -> None:
    """No type goes untested in either direction."""
    assert {stated["type"] for stated in HOLDS} == ALL_TYPES
    assert {stated["type"] for stated, _ in DOES_NOT_HOLD} == ALL_TYPES


@pytest.mark.parametrize("prefix", ["", "not-"])
def test_unknown_task_is_missed_in_both_forms(prefix: str) -> None:
    """What speaks of a task that the run never had proves nothing, negated or not."""
    outcome = judge(ADAPTER.validate_python({"type": f"{prefix}completed", "task": "quik"}), EVIDENCE)
    assert not outcome.met
    assert "there was no task 'quik'; did you mean 'quick'?" in outcome.message


def test_unfinished_task_has_no_end() -> None:
    """A task without an ending row is neither completed nor timed."""
    history = History(ROWS[:10])
    for stated in ({"type": "completed", "task": "quick"}, {"type": "latency", "task": "quick", "at_least_s": 0}):
        outcome = judge(ADAPTER.validate_python(stated), Evidence(history))
        assert not outcome.met
        assert "unfinished" in outcome.happened or "did not end" in outcome.happened
    assert history.seconds == 0
    assert history.ended == []


def test_secrets_are_looked_for_in_what_is_reported_too() -> None:
    """The others are judged first, wherever it stands, and what they say is looked at; no report repeats the secret."""
    secret = "ann@example.org"
    stated = [{"type": "no-secrets"}, {"type": "result", "task": "next", "equals": secret}]
    outcomes = judge_all([ADAPTER.validate_python(one) for one in stated], Evidence(HISTORY))
    assert [outcome.expectation.type for outcome in outcomes] == ["no-secrets", "result"]
    assert outcomes[0].happened == "there is email in line 1 of the report"
    assert secret not in outcomes[0].message


def test_a_type_that_cannot_judge_is_missed_in_both_forms() -> None:
    """What raises has judged nothing; the report says what it raised."""
    for prefix in ("", "not-"):
        outcome = judge(ADAPTER.validate_python({"type": f"{prefix}state", "of": "till", "equals": 1}), EVIDENCE)
        assert not outcome.met
        assert outcome.happened == "judging it raised KeyError: 'till'"
