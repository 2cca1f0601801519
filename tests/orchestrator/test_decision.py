import json

import orjson

from orchestrator.decision import RoutingDecision, digest_text
from orchestrator.testing import FixedRouter
from router import Abstained, AgentProfile


def router() -> FixedRouter:
    made = FixedRouter()
    for name in ("alpha", "beta"):
        made.add(AgentProfile(name, "1", f"does {name}", (name,)))
    return made


def test_a_record_holds_everything_that_led_to_the_decision() -> None:
    """Candidates, scores, threshold, vetoes, fingerprints, seed and trace ids, in plain JSON."""
    fixed = router()
    prediction = fixed.predict("alpha please", {"beta": "breaker open"})
    decision = RoutingDecision(
        "t",
        "alpha",
        "learned",
        prediction,
        vetoes={"beta": "breaker open"},
        attribution=fixed.explain("alpha please", "alpha"),
        registry_digest="d",
        seed=7,
        trace_id="1" * 32,
        span_id="2" * 16,
        input_digest=digest_text("alpha please"),
    )
    record = decision.to_json()
    assert not decision.abstained
    assert json.loads(orjson.dumps(record)) == record
    assert record["chosen"] == record["choice"] == "alpha"
    assert record["vetoes"] == {"beta": "breaker open"}
    assert record["candidates"]["why_not"].keys() == {"beta"}
    assert record["attribution"] == [["alpha", 1.0]]
    assert (record["seed"], record["propensity"], record["fingerprint"]) == (7, 1.0, "fixed")


def test_a_fallback_keeps_what_the_router_said() -> None:
    """The router abstained, and the record says so beside who got the task instead."""
    decision = RoutingDecision("t", "beta", "fallback", router().predict("something else"))
    record = decision.to_json()
    assert (record["choice"], record["abstained"]) == (None, "below-threshold")
    assert (record["chosen"], record["fallback"]) == ("beta", "beta")


def test_an_abstention_chooses_nobody() -> None:
    """The answer "none of these" is an explicit value."""
    decision = RoutingDecision("t", Abstained.ALL_VETOED, "learned", router().predict("alpha", {"alpha": "open"}))
    assert decision.abstained
    assert (decision.to_json()["chosen"], decision.to_json()["abstained"]) == (None, "all-vetoed")


def test_a_pinned_task_has_no_prediction() -> None:
    """The router was not asked, so the record shows no candidates."""
    record = RoutingDecision("t", "alpha", "pinned", None).to_json()
    assert record["policy"] == "pinned"
    assert "candidates" not in record


def test_a_digest_is_short_and_takes_any_text() -> None:
    """16 hex digits, lone surrogates included."""
    assert len(digest_text("")) == len(digest_text("\ud800")) == 16
    assert digest_text("a") != digest_text("b")
