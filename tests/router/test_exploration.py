from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import EmbeddingRouter, Example, Explored, Prediction, RouterError, explore
from router.beta_map import BetaMap
from router.calibration import Calibration
from router.decision import Roster, decide
from router.exploration import REAL_CHANCE, SURE, agent_chances, worth_trying
from router.trained_model import train
from tests.router.tiny import EXAMPLES, TINY

DRAWS = 400
UNHURRIED = settings(deadline=None, max_examples=50)  # each example is many draws
RATES = st.floats(0, 0.5)
SCORES = st.lists(st.integers(-20, 60).map(lambda n: n / 100), min_size=1, max_size=6)


def prediction(*scores: float, threshold: float = 0.3, vetoes: tuple[str, ...] = ()) -> Prediction:
    """Decide between agents a, b, c, ... by their scores, on a scale of 10 with "none of these" at -0.2."""
    names = tuple("abcdefgh"[: len(scores)])
    roster = Roster(names, ("1",) * len(names), "f" * 16)
    reasons = dict.fromkeys(vetoes, "paused")
    return decide(roster, np.array(scores, dtype=np.float32), reasons, Calibration(10.0, -0.2, threshold))


def odds(scores: list[float]) -> dict[str, float]:
    """Return the probabilities of the calibration, by its definition."""
    weights = np.exp(10 * np.array([*scores, -0.2]))
    return dict(zip("abcdefgh"[: len(scores)], (weights / weights.sum()).tolist()[:-1], strict=True))


def propensities(answer: Prediction, rate: float) -> dict[str, set[float]]:
    """Return which propensities each agent was taken with, over a fine grid of draws."""
    seen: dict[str, set[float]] = defaultdict(set)
    for draw in np.arange(0, 1, 1 / DRAWS).tolist():
        taken = explore(answer, rate, draw)
        assert taken is not None
        seen[taken.agent].add(taken.propensity)
    return seen


def test_by_hand() -> None:
    """Two others with a real chance share the rate as their chances stand; the leader keeps the rest."""
    answer = prediction(0.5, 0.4, 0.3)
    chances = odds([0.5, 0.4, 0.3])
    first = 0.2 * chances["b"] / (chances["b"] + chances["c"])
    second, third = explore(answer, 0.2, 0.0), explore(answer, 0.2, first + 1e-6)
    assert second is not None
    assert third is not None
    assert (second.agent, third.agent) == ("b", "c")
    assert (second.propensity, third.propensity) == pytest.approx((first, 0.2 - first), rel=1e-5)
    assert explore(answer, 0.2, 0.2) == Explored("a", 0.8)


def test_it_is_off_unless_asked_for() -> None:
    """At rate 0 the leader is taken for sure, whatever the draw, however close the others are."""
    assert explore(prediction(0.5, 0.5, 0.5), 0.0, 0.0) == Explored("a", 1.0)


def test_a_refusal_of_the_router_stands() -> None:
    """Where the router abstains, nobody is tried."""
    assert explore(prediction(0.1, 0.1, threshold=0.9), 0.5, 0.0) is None


def test_a_sure_leader_keeps_the_request() -> None:
    """Nobody pays for what is known."""
    sure = prediction(0.9, 0.1)
    assert sure.confidence >= SURE
    assert explore(sure, 0.5, 0.0) == Explored("a", 1.0)


def test_an_agent_without_a_real_chance_is_never_tried() -> None:
    """The agent far behind gets nothing, at no draw."""
    answer = prediction(0.5, 0.4, 0.1)
    assert odds([0.5, 0.4, 0.1])["c"] < REAL_CHANCE
    assert set(propensities(answer, 0.3)) == {"a", "b"}


def test_a_vetoed_agent_is_never_tried() -> None:
    """Exploration asks no agent that may not be asked."""
    assert set(propensities(prediction(0.5, 0.45, 0.4, vetoes=("b",)), 0.3)) == {"a", "c"}


@UNHURRIED
@given(SCORES, RATES)
def test_the_propensity_is_the_true_one(scores: list[float], rate: float) -> None:
    """Each agent is taken in just that share of the draws that its propensity says, and the shares sum to 1."""
    answer = prediction(*scores, threshold=0.0)
    seen = propensities(answer, rate)
    assert all(len(values) == 1 for values in seen.values())
    counts: dict[str, int] = defaultdict(int)
    for draw in np.arange(0, 1, 1 / DRAWS).tolist():
        taken = explore(answer, rate, draw)
        assert taken is not None
        counts[taken.agent] += 1
    for agent, values in seen.items():
        assert counts[agent] / DRAWS == pytest.approx(next(iter(values)), abs=1.1 / DRAWS)


@UNHURRIED
@given(SCORES)
def test_chances_are_those_of_the_calibration(scores: list[float]) -> None:
    """They can be recomputed from the answer alone; without a margin only those of the tied are known."""
    answer = prediction(*scores)
    found, expected = agent_chances(answer), odds(scores)
    assert found.keys() == expected.keys()
    for agent, chance in found.items():
        if answer.margin > 0 and answer.runner_up_confidence > 1e-6:
            assert chance == pytest.approx(expected[agent], rel=2e-3, abs=1e-6)
        elif chance:
            assert chance == pytest.approx(expected[agent], rel=1e-3)


def test_a_leader_no_likelier_than_the_runner_up_leaves_the_others_nothing() -> None:
    """The confidence map may say less of it than of the runner-up; a third, far off, has no chance then."""
    names = ("a", "b", "c")
    doubtful = Calibration(10.0, -0.2, 0.0, beta=BetaMap(1.0, 1.0, -2.0))
    answer = decide(Roster(names, ("1",) * 3, "f" * 16), np.array([0.5, 0.4999, -0.9], dtype=np.float32), {}, doubtful)
    assert answer.confidence < answer.runner_up_confidence
    assert agent_chances(answer) == {"a": answer.confidence, "b": answer.runner_up_confidence, "c": 0.0}
    assert set(propensities(answer, 0.3)) == {"a", "b"}


def test_a_router_alone_with_one_agent_tries_nobody() -> None:
    """There is no other."""
    assert worth_trying(prediction(0.1)) == {}
    assert explore(prediction(0.1), 0.5, 0.0) == Explored("a", 1.0)


@pytest.mark.parametrize(("rate", "draw"), [(-0.1, 0.5), (1.0, 0.5), (0.1, 1.0), (0.1, -0.5), (float("nan"), 0.1)])
def test_a_rate_or_draw_out_of_range_is_refused(rate: float, draw: float) -> None:
    """At rate 1 the leader could never be taken, and nothing could be said of it."""
    with pytest.raises(RouterError, match="out of range"):
        explore(prediction(0.5, 0.4), rate, draw)


def test_a_trained_router_gives_chances_that_sum_below_one() -> None:
    """What is missing to 1 is the chance of "none of these"."""
    model = train([*EXAMPLES, Example("green grass grows", "green")], TINY)
    answer = EmbeddingRouter(model.manifest, model.arrays).predict("paint the boat")
    chances = agent_chances(answer)
    assert next(iter(chances)) == answer.leader
    assert list(chances.values()) == sorted(chances.values(), reverse=True)
    assert answer.confidence < sum(chances.values()) <= 1 + 1e-6
