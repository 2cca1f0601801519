"""How signoff-clerk weighs evidence, waivers and the lack of both."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import signoff_clerk as module
from agents.signoff_clerk import SignoffInput, SignoffReport, signoff_clerk
from agents.sql_checker import SqlInput, sql_checker
from orchestrator import AgentError, Task, TaskContext


class FixedClock:
    """2026-11-23, noon, UTC."""

    def now(self) -> float:
        """Return that moment."""
        return 1_795_435_200.0

    async def run_blocking(self, function: Any) -> Any:
        """Run it here."""
        return function()


CONTEXT = TaskContext(Task(id="t", request="decide"), clock=FixedClock())
PASS, WARN, FAIL = ({"verdict": verdict, "summary": f"said {verdict}"} for verdict in ("pass", "warn", "fail"))


def decide(evidence: Any, **rules: Any) -> SignoffReport:
    """Run the agent."""
    return signoff_clerk(SignoffInput(evidence=evidence, rules=rules), CONTEXT)  # type: ignore[arg-type]


def waiver(evidence: str, until: str = "2026-11-23") -> dict[str, str]:
    """Return a waiver that holds today."""
    return {"evidence": evidence, "who": "Risk officer", "why": "rehearsed twice", "until": until}


@pytest.mark.parametrize(
    ("evidence", "decision", "verdict"),
    [
        ({"a": PASS, "b": PASS}, "go", "pass"),
        ({"a": PASS, "b": WARN}, "go-with-conditions", "warn"),
        ({"a": PASS, "b": FAIL}, "no-go", "fail"),
        ({}, "no-go", "fail"),
        ([], "no-go", "fail"),
        ([{"name": "a", "verdict": "pass", "facts": {"tests": 212}}], "go", "pass"),
        ([{"name": "a"}], "no-go", "fail"),
    ],
)
def test_the_worst_evidence_decides(evidence: Any, decision: str, verdict: str) -> None:
    """No evidence at all is no reason to go."""
    report = decide(evidence)
    assert (report.decision, report.verdict) == (decision, verdict)


@pytest.mark.parametrize(
    "item", [None, {}, {"verdict": "PASS"}, {"verdict": True}, {"verdict": ["pass"]}, "pass", 1, []]
)
def test_missing_or_unreadable_evidence_blocks_and_cannot_be_waived(item: Any) -> None:
    """A waiver excuses bad news, never the absence of news."""
    report = decide({"a": PASS, "b": item}, waivers=[waiver("b")])
    assert report.decision == "no-go"
    assert (report.reasons[0].evidence, report.reasons[0].effect) == ("b", "blocks")
    assert "cannot be waived" in report.reasons[0].text


def test_required_evidence_that_is_not_there_blocks() -> None:
    """The rules name it, the bundle lacks it."""
    report = decide({"a": PASS}, required=["a", "tests"], waivers=[waiver("tests")])
    assert (report.decision, report.reasons[0].evidence, report.reasons[0].digest) == ("no-go", "tests", "")


def test_a_valid_waiver_turns_a_fail_into_a_condition() -> None:
    """It names who answers for it, why, and until when."""
    report = decide({"a": PASS, "b": FAIL}, waivers=[waiver("b")])
    assert report.decision == "go-with-conditions"
    assert report.conditions == ("b: said fail; waived by Risk officer until 2026-11-23: rehearsed twice",)


def test_a_waiver_ends_with_its_last_day() -> None:
    """By the run's clock; the end is said."""
    report = decide({"a": FAIL}, waivers=[waiver("a", until="2026-11-22")])
    assert report.decision == "no-go"
    assert "ended on 2026-11-22" in report.reasons[0].text


def test_too_many_warnings_are_a_no_go_but_waived_ones_do_not_count() -> None:
    """The number allowed is part of the rules."""
    evidence = {"a": WARN, "b": WARN}
    assert decide(evidence, max_warnings=1).decision == "no-go"
    assert "(1 allowed)" in decide(evidence, max_warnings=1).summary
    assert decide(evidence, max_warnings=1, waivers=[waiver("b")]).decision == "go-with-conditions"


def test_reasons_come_in_the_order_of_their_weight() -> None:
    """What blocks is read first."""
    report = decide({"d": PASS, "c": WARN, "b": FAIL, "a": {"verdict": "pass"}})
    assert [(each.evidence, each.effect) for each in report.reasons] == [
        ("b", "blocks"),
        ("c", "condition"),
        ("a", "supports"),
        ("d", "supports"),
    ]
    assert report.reasons[2].text == "its verdict is pass"


def test_the_digest_depends_on_everything_but_the_order_of_keys() -> None:
    """Who changes a fact later is found out."""
    digest = decide({"a": {"verdict": "pass", "n": 1}, "b": PASS}).digest
    assert digest == decide({"b": PASS, "a": {"n": 1, "verdict": "pass"}}).digest
    others = [decide({"a": {"verdict": "pass", "n": 2}, "b": PASS}), decide({"a": PASS, "b": PASS}, max_warnings=2)]
    assert digest not in {other.digest for other in others}
    assert len(digest) == 64


def test_outputs_of_the_other_agents_are_evidence_as_they_stand() -> None:
    """Whole reports go in; through a plan they arrive as JSON, in Python they may be the models."""
    report = sql_checker(SqlInput(sql="TRUNCATE t"), CONTEXT)
    assert decide({"sql": report}).digest == decide({"sql": report.model_dump(mode="json")}).digest
    task = Task(id="t", request="decide", payload={"evidence": {"sql": report.model_dump(mode="json")}})
    outcome = asyncio.run(signoff_clerk.handle(task, TaskContext(task, clock=FixedClock())))
    assert (outcome.decision, outcome.reasons[0].evidence) == ("no-go", "sql")
    assert outcome.decided_on == "2026-11-23"


def test_what_it_cannot_work_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the same name, evidence that is not JSON, too much of it."""
    with pytest.raises(AgentError, match="same name"):
        decide([{"name": "a"}, {"name": "a"}])
    for bad in (float("nan"), "\ud800", {1, 2}):
        with pytest.raises(AgentError, match="not JSON"):
            decide({"a": {"verdict": "pass", "x": bad}})
    monkeypatch.setattr(module, "MAX_BUNDLE", 10)
    with pytest.raises(AgentError, match="larger than"):
        decide({"a": PASS})


ITEMS = st.one_of(
    st.sampled_from([PASS, WARN, FAIL, None]),
    st.dictionaries(st.sampled_from(["verdict", "summary", "x"]), st.text(max_size=5) | st.none() | st.integers()),
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=4), ITEMS, max_size=4), st.lists(st.text(max_size=4), max_size=2))
def test_a_go_needs_every_verdict_to_be_a_pass(evidence: dict[str, Any], required: list[str]) -> None:
    """Whatever comes in, nothing crashes, nothing missing passes, and twice is the same."""
    report = decide(evidence, required=required)
    assert report.model_dump_json() == decide(evidence, required=required).model_dump_json()
    verdicts = [(evidence.get(name) or {}).get("verdict") for name in {*evidence, *required}]
    assert (report.decision == "go") == (bool(verdicts) and all(verdict == "pass" for verdict in verdicts))
