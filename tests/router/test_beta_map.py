import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.beta_map import LEAST_ODDS, BetaMap, fit_beta_map

odds = st.floats(min_value=0.0, max_value=1e12)
weights = st.floats(min_value=0.0, max_value=5.0)


def test_the_start_changes_nothing() -> None:
    """With 1, 1, 0 the confidence is the softmax's own probability: odds of 1 to 3 against are three quarters."""
    assert BetaMap().confidence(1 / 3) == pytest.approx(0.75)
    assert BetaMap().confidence(1.0) == pytest.approx(0.5)


def test_a_map_by_hand() -> None:
    """At p = 0.8: 2 ln 0.8 - 0.5 ln 0.2 + 0.3."""
    logit = 2 * math.log(0.8) - 0.5 * math.log(0.2) + 0.3
    assert BetaMap(2.0, 0.5, 0.3).confidence(0.25) == pytest.approx(1 / (1 + math.exp(-logit)))


@given(odds, odds, weights, weights, st.floats(-5, 5))
def test_no_map_changes_the_order(first: float, second: float, rise: float, fall: float, shift: float) -> None:
    """Better odds never give less confidence, and every confidence is a probability."""
    less, more = sorted((first, second))
    surer, other = (BetaMap(rise, fall, shift).confidence(value) for value in (less, more))
    assert 0.0 <= other <= 1.0
    assert 0.0 <= surer <= 1.0
    assert surer >= other - 1e-12


def test_odds_beyond_all_measure_are_still_probabilities() -> None:
    """No odds against and infinite odds overflow nothing."""
    assert BetaMap().confidence(0.0) == pytest.approx(1.0, abs=1e-5)
    assert BetaMap(1.0, 200.0, 0.0).confidence(math.inf) == pytest.approx(0.0, abs=1e-300)
    assert BetaMap(200.0, 1.0, 0.0).confidence(math.inf) == 0.0


def test_a_fit_makes_a_boaster_modest() -> None:
    """Decisions that say 0.98 and 0.6 and are right in 0.8 and 0.5 of the cases come to say so."""
    said = np.repeat([0.98, 0.6], 2000)
    right = np.concatenate([np.arange(2000) < 1600, np.arange(2000) < 1000])
    found = fit_beta_map((1 - said) / said, right)
    assert found.confidence(0.02 / 0.98) == pytest.approx(0.8, abs=0.01)
    assert found.confidence(0.4 / 0.6) == pytest.approx(0.5, abs=0.01)


def test_a_handful_of_decisions_hardly_moves_the_map() -> None:
    """Three lucky decisions are no reason to call 0.5 a certainty."""
    assert fit_beta_map(np.ones(3), np.ones(3, dtype=np.bool_)).confidence(1.0) == pytest.approx(0.5, abs=0.08)
    assert fit_beta_map(np.zeros(0), np.zeros(0, dtype=np.bool_)) == BetaMap()


@given(st.lists(st.tuples(odds, st.booleans()), min_size=1, max_size=60))
def test_every_fit_keeps_the_order(decisions: list[tuple[float, bool]]) -> None:
    """Also where the surer decisions are the worse ones: a map that turned the order round would route the unsure."""
    against, right = (np.array(column) for column in zip(*decisions, strict=True))
    found = fit_beta_map(against.astype(np.float64), right.astype(np.bool_))
    assert min(found.rise, found.fall) >= 0.0
    assert math.isfinite(found.shift)


def test_a_router_sure_of_the_wrong_half_loses_its_confidence() -> None:
    """Where surer is worse, the best map that keeps the order tells them apart as little as it can."""
    against = np.repeat([0.01, 1.0], 4000)
    right = np.concatenate([np.arange(4000) < 1200, np.arange(4000) < 3600])
    found = fit_beta_map(against, right)
    assert found.confidence(0.01) == pytest.approx(0.6, abs=0.05)
    assert found.confidence(1.0) == pytest.approx(0.6, abs=0.05)


@given(st.floats(0.05, 5.0), st.floats(0.05, 5.0), st.floats(-5, 5), st.floats(0.01, 0.99))
def test_the_odds_at_a_confidence_are_the_last_that_give_it(
    rise: float, fall: float, shift: float, confidence: float
) -> None:
    """A little less against the leader is sure enough, a little more is not; unless all odds or none are."""
    beta = BetaMap(rise, fall, shift)
    found = beta.odds_at(confidence)
    assert beta.confidence(found * 0.999) >= confidence or found <= LEAST_ODDS * 1.001
    assert beta.confidence(found * 1.001) < confidence or found > 1e300
