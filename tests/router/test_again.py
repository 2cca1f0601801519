import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from router import Abstained
from router.again import Interval, disagreements, outcomes, sureness, under, without
from router.beta_map import BetaMap
from router.calibration import Calibration
from router.decision import Roster, decide
from router.prediction import Prediction, choose
from router.recalled import recall

SURE = Calibration(scale=10.0, floor=0.1, threshold=0.5)
BENT = Calibration(scale=40.0, floor=0.3, threshold=0.4, beta=BetaMap(0.8, 1.3, -0.4))
SCORES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30)
CALIBRATIONS = st.sampled_from([SURE, BENT])


def predict(scores: list[float], calibration: Calibration = SURE, **vetoes: str) -> Prediction:
    """Decide between as many agents."""
    names = tuple(f"a{at:02}" for at in range(len(scores)))
    roster = Roster(names, ("1",) * len(names), "f")
    return decide(roster, np.array(scores, dtype=np.float32), vetoes, calibration)


def record_of(prediction: Prediction) -> dict[str, Any]:
    """Return what a journal would give back of a decision."""
    record: dict[str, Any] = json.loads(json.dumps(prediction.to_json()))
    return record


@settings(max_examples=40)
@given(SCORES, CALIBRATIONS, st.integers(0, 40))
def test_every_decision_follows_from_its_own_record(scores: list[float], by: Calibration, vetoed: int) -> None:
    """Leader, runner-up, margin, confidence and choice, whatever the scores, ties and vetoes."""
    assert disagreements(record_of(predict(scores, by, **{f"a{vetoed:02}": "open"})), by) == []


@settings(max_examples=40)
@given(SCORES, CALIBRATIONS, st.floats(0, 1))
def test_another_threshold_is_judged_as_the_router_does(scores: list[float], by: Calibration, threshold: float) -> None:
    """Or the record is said not to tell, which it does only within a millionth of where the choice changes."""
    prediction = predict(scores, by)
    again = under(recall(record_of(prediction)), threshold)
    assert prediction.under(threshold).choice in again.possible
    sure, other = prediction.confidence, prediction.runner_up_confidence
    near = min(abs(sure - threshold), abs(sure + other - threshold), abs(sure + 2 * other - 1))
    assert again.choice is not None or near < 2e-6


@settings(max_examples=40)
@given(SCORES, CALIBRATIONS, st.data())
def test_without_agents_it_is_as_the_router_told_so(scores: list[float], by: Calibration, data: st.DataObject) -> None:
    """Who leads, whether it abstains, and within which bounds the confidence is."""
    prediction = predict(scores, by)
    names = list(prediction.scoreboard.names)
    gone = data.draw(st.sets(st.sampled_from(names)))
    again = without(recall(record_of(prediction)), gone, by)
    told = predict(scores, by, **dict.fromkeys(gone, "gone"))
    assert told.choice in again.possible or again.why_unknown
    if again.confidence is not None:
        assert again.leader == told.leader
        assert again.confidence.least - 1e-6 <= told.confidence <= again.confidence.greatest + 1e-6


def test_without_the_leader_the_runner_up_is_judged_by_the_calibration() -> None:
    """A rival less: the second is sure enough where it was not before."""
    prediction = predict([0.6, 0.5, 0.0])
    again = without(recall(record_of(prediction)), {"a00"}, SURE)
    assert (again.choice, again.leader, again.runner_up) == ("a01", "a01", "a02")
    assert again.margin == pytest.approx(0.5)
    assert not again.why_unknown


def test_without_a_calibration_only_who_stays_is_known() -> None:
    """A new leader's confidence is not on record; one who led is no less sure when a rival is gone."""
    recalled = recall(record_of(predict([0.6, 0.3, 0.0])))
    assert without(recalled, {"a01"}).choice == "a00"
    again = without(recalled, {"a00"})
    assert again.choice is None
    assert again.leader == "a01"
    assert "does not say how scores become a confidence" in again.why_unknown


def test_a_tie_to_six_places_is_broken_as_on_record_or_not_at_all() -> None:
    """The scores on record are rounded: who led there led; of others nothing says who does."""
    recalled = recall(record_of(predict([0.5, 0.5, 0.5, 0.5])))
    assert without(recalled, {"a00"}, SURE).leader == "a01"
    both = without(recalled, {"a00", "a01"}, SURE)
    assert both.choice is None
    assert "a02 and a03 have the same score" in both.why_unknown


def test_nobody_left_is_all_vetoed() -> None:
    """As the router says it."""
    assert without(recall(record_of(predict([0.6]))), {"a00"}, SURE).choice is Abstained.ALL_VETOED


def test_who_was_no_candidate_changes_nothing() -> None:
    """The decision stays, also one so near the threshold that rounding could turn it."""
    prediction = predict([0.6, 0.1])._replace(threshold=0.9, confidence=0.9)
    assert without(recall(record_of(prediction)), {"zed"}, SURE).choice == "a00"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("leader", "a01", "leader: a01 on record, a00 by the scores"),
        ("runner_up", "a02", "runner_up: a02 on record, a01 by the scores"),
        ("margin", 0.2, "margin: 0.2 on record, 0.300000 by the scores"),
        ("confidence", 0.99, "confidence: 0.99 on record"),
        ("runner_up_confidence", 0.2, "runner_up_confidence: 0.2 on record"),
        ("threshold", 0.99, "choice: a00 on record, near-tie by confidence and threshold"),
    ],
)
def test_a_record_that_was_changed_does_not_add_up(key: str, value: object, said: str) -> None:
    """Each number that follows from others is found out; the line says which."""
    found = disagreements({**record_of(predict([0.6, 0.3, 0.0])), key: value}, SURE)
    assert [line for line in found if line.startswith(said)], found


def test_a_record_of_nobody_must_say_so() -> None:
    """Where all were vetoed, there is no leader."""
    record = record_of(predict([0.6], a00="open"))
    assert disagreements(record, SURE) == []
    assert disagreements({**record, "abstained": "below-threshold"}, SURE)


def test_candidates_one_by_one_are_read_as_well() -> None:
    """So old journals hold them; without the runner-up's confidence they are of no near tie."""
    record = record_of(predict([0.1, 0.6, 0.3], a02="open"))
    columns = record["candidates"]
    one_by_one = [
        {"name": name, "version": "1", "score": score, "eligible": name != "a02", "why_not": "open"}
        for name, score in zip(columns["names"], columns["scores"], strict=True)
    ]
    del record["runner_up_confidence"], record["budget"]
    assert disagreements({**record, "candidates": one_by_one[::-1]}) == []


@settings(max_examples=40)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1e-6))
def test_outcomes_hold_every_choice_of_the_box(sure: float, other: float, threshold: float, width: float) -> None:
    """Whatever the numbers in the intervals are, their choice is among the outcomes."""
    assume(sure + other <= 1)
    found = outcomes("a", Interval(sure, sure + width), Interval(other, other + width), Interval(threshold, threshold))
    corners = [(s, o) for s in (sure, sure + width) for o in (other, other + width)]
    assert {choose("a", s, o, threshold) for s, o in corners} <= found


def test_a_lone_agent_has_no_runner_up() -> None:
    """Its rival is "none of these" alone."""
    sure, other = sureness({"a": 0.5}, "a", "", SURE)
    assert sure.least < 1 / (1 + np.exp(-4.0)) < sure.greatest
    assert other == (0.0, 0.0)


def test_a_calibration_is_read_back_as_it_was() -> None:
    """What is on record of it gives the same confidence, to the last bit."""
    again = Calibration.from_json(json.loads(json.dumps(BENT.to_json())))
    assert again.odds_against_of_few([0.5, 0.2], 0.5) == BENT.odds_against_of_few([0.5, 0.2], 0.5)
    assert again.beta == BENT.beta
