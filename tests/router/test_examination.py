import json
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Example, KeywordRouter, RouterError, evaluate, examine
from router.examination import Bin, Confused, LabelScore, OutOfScope, auroc, risk_coverage

EXAMPLES = [
    Example("feed the cat", "cats"),
    Example("walk the dog", "dogs"),
    Example("xyzzy", "cats"),
    Example("feed the cat", "dogs"),
    Example("cat dog", "dogs"),
]


def ticks() -> "count[int]":
    """Return a clock by which every decision takes 2 µs."""
    return count(step=2000)


def test_it_holds_what_an_evaluation_holds(keyword: KeywordRouter) -> None:
    """The figures in short are those of `evaluate`, to the last digit."""
    found = examine(keyword, EXAMPLES, ticks().__next__)
    assert found.evaluation == evaluate(keyword, EXAMPLES, ticks().__next__)
    assert (found.threshold, found.budget) == (0.5, None)


def test_confusions_and_labels_by_hand(keyword: KeywordRouter) -> None:
    """Two requests for dogs are led by cats, the tie by its name; cats have two of four claims, dogs one of one."""
    found = examine(keyword, EXAMPLES, ticks().__next__)
    assert found.confused == (Confused("dogs", "cats", 2),)
    assert found.labels == (
        LabelScore("dogs", 3, precision=1.0, recall=1 / 3, f1=0.5),
        LabelScore("cats", 2, precision=0.5, recall=1.0, f1=2 / 3),
    )


def test_abstentions_are_counted_by_reason(keyword: KeywordRouter) -> None:
    """An unknown word is below the threshold, a word of each a near tie; the others are routed, one of three wrong."""
    found = examine(keyword, EXAMPLES, ticks().__next__)
    assert found.abstentions == {"below-threshold": 1, "near-tie": 1}
    assert found.operating == pytest.approx((0.6, 1 / 3))
    assert found.out_of_scope is None


def test_bins_hold_every_decision_once(keyword: KeywordRouter) -> None:
    """Empty bins are there too, so that a diagram has its axis."""
    found = examine(keyword, EXAMPLES, ticks().__next__)
    assert [one.low for one in found.reliability] == pytest.approx([at / 15 for at in range(15)])
    assert sum(one.decisions for one in found.reliability) == 5
    assert found.reliability[5] == Bin(5 / 15, 6 / 15, 0, 0.0, 0.0)
    sure = found.reliability[14]
    assert sure.decisions == 3
    assert sure.accuracy == pytest.approx(2 / 3)


def test_requests_for_nobody_are_wrong_when_routed(keyword: KeywordRouter) -> None:
    """One is routed, one refused; of seven requests four are routed then, and two of them wrong."""
    found = examine(keyword, EXAMPLES, ticks().__next__, ["feed the cat", "plugh"])
    assert found.out_of_scope is not None
    requests, refused, area = found.out_of_scope
    assert (requests, refused) == (2, 0.5)
    # Against "feed the cat" three draw and two lose, against "plugh" four win and one draws.
    assert area == pytest.approx((1.5 + 4.5) / 10)
    assert found.operating == pytest.approx((4 / 7, 0.5))


def test_risk_and_coverage_by_hand() -> None:
    """Equal confidences are routed together or not at all."""
    confidence = np.array([0.9, 0.8, 0.8, 0.3])
    coverage, risk, thresholds = risk_coverage(confidence, np.array([False, False, True, False]))
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 3, 1 / 4])
    assert thresholds.tolist() == [0.9, 0.8, 0.3]


def test_what_can_be_routed_at_a_risk_by_hand(keyword: KeywordRouter) -> None:
    """The surest three share one confidence and one of them is wrong: at 10% nothing can be routed."""
    for point in examine(keyword, EXAMPLES, ticks().__next__).at_risk:
        assert (point.coverage, point.threshold) == (0.0, 1.0)
    for point in examine(keyword, EXAMPLES[:2], ticks().__next__).at_risk:
        assert point.coverage == 1.0
        assert point.threshold > 0.9


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_risk_and_coverage_by_their_definition(decisions: list[tuple[int, bool]]) -> None:
    """At every threshold: how many are as sure, and how many of these are wrong."""
    sure, wrong = [d[0] / 10 for d in decisions], [d[1] for d in decisions]
    found = zip(*(part.tolist() for part in risk_coverage(np.array(sure), np.array(wrong))), strict=True)
    for coverage, risk, threshold in found:
        routed = [bad for value, bad in zip(sure, wrong, strict=True) if value >= threshold]
        assert coverage == pytest.approx(len(routed) / len(sure))
        assert risk == pytest.approx(sum(routed) / len(routed))


@pytest.mark.parametrize(
    ("inside", "outside", "expected"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.4], [0.5, 0.4], 2.5 / 4)],
)
def test_the_area_under_the_curve_by_hand(inside: list[float], outside: list[float], expected: float) -> None:
    """Pairs won, ties by half."""
    assert auroc(np.array(inside), np.array(outside)) == pytest.approx(expected)


def test_json_is_plain(keyword: KeywordRouter) -> None:
    """It survives a JSON round trip, figures in short on top; no more than 200 points draw the curve."""
    many = [Example(f"feed the {'cat ' * (n % 7)} {n}", "cats") for n in range(300)]
    body = examine(keyword, [*EXAMPLES, *many], ticks().__next__, ["plugh"]).to_json()
    assert json.loads(json.dumps(body)) == body
    assert body["accuracy"] == pytest.approx(1 - 2 / 305)
    assert body["out_of_scope"]["requests"] == 1
    assert [point["risk"] for point in body["coverage_at_risk"]] == [0.01, 0.02, 0.05, 0.1]
    assert len(body["risk_coverage"]) <= 200
    assert isinstance(OutOfScope(**body["out_of_scope"]), OutOfScope)


def test_no_examples_are_refused(keyword: KeywordRouter) -> None:
    """There is nothing to say of nothing."""
    with pytest.raises(RouterError, match="no examples"):
        examine(keyword, [], ticks().__next__)
