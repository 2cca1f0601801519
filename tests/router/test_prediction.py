import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Abstained, Candidate
from router.calibration import Calibration
from router.decision import Roster, decide
from router.prediction import Prediction, choose, rank_candidates

ROSTER = Roster(("a", "b", "c"), ("1", "2", "3"), "f")
SURE = Calibration(scale=10.0, floor=0.1, threshold=0.5)


def prediction(*scores: float, **vetoes: str) -> Prediction:
    """Decide between agents a, b and c with these scores."""
    return decide(ROSTER, np.array(scores, dtype=np.float32), vetoes, SURE)


def test_the_best_score_wins() -> None:
    """Leader, runner-up and margin follow the scores; the confidence is the softmax with the silent option."""
    answer = prediction(0.25, 0.75, 0.5)
    expected = np.exp(7.5) / (np.exp([2.5, 7.5, 5.0]).sum() + np.exp(1.0))
    assert (answer.choice, answer.leader, answer.runner_up, answer.margin) == ("b", "b", "c", 0.25)
    assert answer.confidence == pytest.approx(expected, rel=1e-5)
    assert not answer.abstained


def test_candidates_are_ranked_and_complete() -> None:
    """Every agent is a candidate; one that is vetoed keeps its score and says why not."""
    answer = prediction(0.25, 0.75, 0.5, b="breaker open")
    assert answer.leader == "c"
    assert answer.candidates() == (
        Candidate("b", "2", 0.75, 1, eligible=False, why_not="breaker open"),
        Candidate("c", "3", 0.5, 2, eligible=True, why_not=""),
        Candidate("a", "1", 0.25, 3, eligible=True, why_not=""),
    )


def test_vetoes_of_strangers_are_ignored() -> None:
    """A veto of an agent that is not registered changes nothing."""
    assert prediction(0.25, 0.75, 0.5, zed="gone").leader == "b"


def test_ties_go_to_the_first_name() -> None:
    """Equal scores are decided by name, so that the order of registration does not matter."""
    answer = prediction(0.5, 0.5, 0.5)
    assert (answer.leader, answer.runner_up) == ("a", "b")
    assert [candidate.name for candidate in answer.candidates()] == ["a", "b", "c"]


def test_low_confidence_abstains_and_names_the_leader() -> None:
    """Below the threshold the choice is an explicit abstention; who would have led stays on record."""
    answer = prediction(0.11, 0.1, 0.1)
    assert answer.choice is Abstained.BELOW_THRESHOLD
    assert answer.abstained
    assert answer.leader == "a"


def test_two_alike_are_a_near_tie() -> None:
    """Two agents at 0.5, one and the silent option at 0.1: 1 / (2 + 2 / e^4) = 0.491 each, together sure of 0.5."""
    answer = prediction(0.5, 0.5, 0.1)
    expected = 1 / (2 + 2 * np.exp(-4))
    assert answer.choice is Abstained.NEAR_TIE
    assert answer.choice.reason == answer.to_json()["abstained"] == "near-tie"
    assert (answer.leader, answer.runner_up) == ("a", "b")
    assert (answer.confidence, answer.runner_up_confidence) == pytest.approx((expected, expected), rel=1e-6)


def test_three_alike_are_no_near_tie() -> None:
    """Of three agents of which none stands out the best two are together sure, but it may well be the third."""
    answer = prediction(0.3, 0.28, 0.27)
    assert answer.confidence + answer.runner_up_confidence > answer.threshold
    assert answer.choice is Abstained.BELOW_THRESHOLD


def test_a_distant_runner_up_is_no_near_tie() -> None:
    """A leader that is nearly sure is no tie with whoever comes next: rather nobody is meant."""
    answer = decide(ROSTER, np.array([0.1, -0.1, -0.4], dtype=np.float32), {}, replace(SURE, threshold=0.53))
    odds = 1 + np.exp(-2) + np.exp(-5) + 1
    assert answer.runner_up_confidence == pytest.approx(np.exp(-2) / odds, rel=1e-5)
    assert answer.confidence + answer.runner_up_confidence >= 0.53 > answer.confidence
    assert answer.choice is Abstained.BELOW_THRESHOLD


def test_a_stricter_threshold_turns_a_choice_into_a_near_tie() -> None:
    """At 0.5 against 0.45 the leader has 0.61 and both 0.98: enough for 0.5, a question at 0.8, nobody at 0.99."""
    answer = prediction(0.5, 0.45, 0.1)
    assert answer.confidence == pytest.approx(1 / (1 + np.exp(-0.5) + 2 * np.exp(-4)), rel=1e-6)
    assert answer.choice == "a"
    assert answer.under(0.8).choice is Abstained.NEAR_TIE
    assert answer.under(0.99).choice is Abstained.BELOW_THRESHOLD
    assert (answer.under(0.8).threshold, answer.under(0.8)._replace(threshold=0.5, choice="a")) == (0.8, answer)


def test_only_eligible_agents_tie() -> None:
    """With its twin vetoed an agent is sure; alone, it has nobody to tie with."""
    assert prediction(0.5, 0.5, 0.1, b="breaker open").choice == "a"
    alone = prediction(0.09, 0.5, 0.5, b="x", c="y")
    assert (alone.runner_up, alone.runner_up_confidence) == ("", 0.0)
    assert alone.choice is Abstained.BELOW_THRESHOLD


def test_another_threshold_does_not_find_anybody() -> None:
    """Without candidates, or with all of them vetoed, no threshold changes the answer."""
    assert prediction(0.9, 0.1, 0.1, a="x", b="y", c="z").under(0.0).choice is Abstained.ALL_VETOED


@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.integers(1, 99))
def test_the_record_is_enough_to_take_the_decision_again(values: list[int], percent: int) -> None:
    """Choice and reason follow from the two confidences and the threshold that are on record."""
    names = tuple(f"{at:02}" for at in range(len(values)))
    bound = replace(SURE, threshold=percent / 100 + 0.001234)
    answer = decide(Roster(names, names, "f"), np.array(values, dtype=np.float32) / np.float32(20), {}, bound)
    assert answer.confidence + answer.runner_up_confidence <= 1 + 1e-9
    again = choose(answer.leader, answer.confidence, answer.runner_up_confidence, answer.threshold)
    assert again is answer.choice or again == answer.choice
    assert (answer.choice is Abstained.NEAR_TIE) == (
        answer.confidence < answer.threshold <= answer.confidence + answer.runner_up_confidence
        and 2 * answer.runner_up_confidence + answer.confidence >= 1
    )


def test_all_vetoed_abstains() -> None:
    """When nobody is eligible there is neither leader nor runner-up."""
    answer = prediction(0.9, 0.1, 0.1, a="x", b="y", c="z")
    assert answer.choice is Abstained.ALL_VETOED
    assert (answer.leader, answer.runner_up, answer.confidence) == ("", "", 0.0)
    assert len(answer.candidates()) == 3


def test_no_candidates_abstains() -> None:
    """A router without agents abstains instead of failing."""
    answer = decide(Roster((), (), "f"), np.zeros(0, dtype=np.float32), {}, SURE)
    assert answer.choice is Abstained.NO_CANDIDATES
    assert answer.choice.reason == "no-candidates"
    assert answer.candidates() == ()


def test_one_eligible_agent_has_no_runner_up() -> None:
    """The margin of an agent that stands alone is its score."""
    answer = prediction(0.5, 0.1, 0.1, b="x", c="y")
    assert (answer.choice, answer.runner_up, answer.margin) == ("a", "", 0.5)


def test_the_scores_are_left_whole() -> None:
    """Deciding puts nothing into the scores that the record keeps."""
    assert [c.score for c in prediction(0.25, 0.75, 0.5).candidates()] == [0.75, 0.5, 0.25]


def test_json_is_plain_and_rounded() -> None:
    """The record survives a JSON round trip and agrees with the candidates."""
    answer = prediction(0.1234567, 0.75, 0.5, c="budget")
    record = answer.to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["candidates"] == {
        "names": ["a", "b", "c"],
        "versions": ["1", "2", "3"],
        "scores": [0.123457, 0.75, 0.5],
        "why_not": {"c": "budget"},
    }
    assert (record["choice"], record["abstained"]) == ("b", None)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.sets(st.integers(0, 39)))
def test_a_record_gives_the_candidates_back(values: list[int], vetoed: set[int]) -> None:
    """The columns of a record are all that is needed to rank the agents as they were ranked then."""
    names = tuple(f"{at:02}" for at in range(len(values)))
    vetoes = {names[at]: "no" for at in vetoed if at < len(names)}
    answer = decide(Roster(names, names, "f"), np.array(values, dtype=np.float32) / np.float32(8), vetoes, SURE)
    record = json.loads(json.dumps(answer.to_json()))
    assert rank_candidates(record["candidates"]) == [candidate._asdict() for candidate in answer.candidates()]


def test_the_budget_in_force_is_on_record() -> None:
    """Who reads a decision sees which share of errors its threshold was chosen for; null where it was not."""
    bound = replace(SURE, threshold=0.8, budget=0.05)
    answer = decide(ROSTER, np.array([0.25, 0.75, 0.5], dtype=np.float32), {}, bound)
    assert (answer.threshold, answer.budget) == (0.8, 0.05)
    assert answer.to_json()["budget"] == 0.05
    assert prediction(0.25, 0.75, 0.5).to_json()["budget"] is None
    nobody = decide(ROSTER, np.array([0.25, 0.75, 0.5], dtype=np.float32), {"a": "x", "b": "x", "c": "x"}, bound)
    assert nobody.budget == decide(Roster((), (), "f"), np.zeros(0, dtype=np.float32), {}, bound).budget == 0.05


def test_json_of_an_abstention_gives_its_reason() -> None:
    """An abstention is recorded by its reason, and the choice is null."""
    record = prediction(0.1, 0.1, 0.1).to_json()
    assert (record["choice"], record["abstained"]) == (None, "below-threshold")


@given(st.lists(st.integers(0, 40), min_size=25, max_size=60), st.sets(st.integers(0, 59)))
def test_many_agents_are_decided_like_few(values: list[int], vetoed: set[int]) -> None:
    """Above the number that Python handles alone, leader, runner-up, order and rounding are the same."""
    names = tuple(f"{at:02}" for at in range(len(values)))
    vetoes = {f"{at:02}": "no" for at in vetoed}
    scores = np.array(values, dtype=np.float32) / np.float32(41)
    answer = decide(Roster(names, names, "f"), scores.copy(), vetoes, SURE)
    order = sorted(range(len(values)), key=lambda at: -values[at])
    assert [(row["name"], row["score"]) for row in rank_candidates(answer.to_json()["candidates"])] == [
        (names[at], round(float(scores[at]), 6)) for at in order
    ]
    eligible = [names[at] for at in order if at not in vetoed]
    assert (answer.leader, answer.runner_up) == tuple([*eligible, "", ""][:2])
    if eligible:
        odds = np.exp(10.0 * np.array([scores[int(name)] for name in eligible], dtype=np.float64))
        assert answer.confidence == pytest.approx(odds[0] / (odds.sum() + np.exp(1.0)), rel=1e-4)
