import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.calibration import Calibration, choose_threshold, expected_error, fit


def test_confidence_by_hand() -> None:
    """Two equal agents and a floor at their score share the probability in three."""
    calibration = Calibration(scale=5.0, floor=0.4, threshold=0.5)
    scores = np.array([0.4, 0.4], dtype=np.float32)
    assert calibration.confidence(scores, float(scores[0])) == pytest.approx(1 / 3)


def test_hopeless_scores_have_no_confidence() -> None:
    """A score far below the floor gives zero, not an overflow."""
    calibration = Calibration(scale=1000.0, floor=0.9, threshold=0.5)
    assert calibration.confidence(np.array([-1.0], dtype=np.float32), -1.0) == pytest.approx(0.0, abs=1e-300)


def test_vetoed_agents_take_no_share() -> None:
    """A score of minus infinity has no probability."""
    calibration = Calibration(scale=5.0, floor=0.4, threshold=0.5)
    scores = np.array([0.4, -np.inf], dtype=np.float32)
    assert calibration.confidence(scores, float(scores[0])) == pytest.approx(0.5)


@given(st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=40), st.floats(2, 120), st.floats(0.1, 0.8))
def test_all_options_share_one(values: list[float], scale: float, floor: float) -> None:
    """The leader, every other agent and "none of these" add up to one; few agents are counted like many."""
    calibration = Calibration(scale, floor, 0.5)
    leader = max(values)
    against = calibration.odds_against_of_few(values, leader)
    confidence = calibration.beta.confidence(against)
    assert calibration.confidence(np.array(values, dtype=np.float32), leader) == pytest.approx(confidence, abs=1e-5)
    others = sorted(values)[:-1]
    shares = [calibration.confidence_of_other(value, leader, against, confidence) for value in others]
    nobody = calibration.confidence_of_other(floor, leader, against, confidence)
    assert all(0 <= share <= 1 for share in shares)
    # Odds that are next to nothing are taken for a little more, see LEAST_ODDS.
    assert sum(shares) + nobody + confidence == pytest.approx(1, abs=1e-6)


def test_fit_makes_confidence_honest() -> None:
    """Scores that are right four times in five get a confidence of about four fifths."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 3000)
    scores = np.zeros((3000, 3), dtype=np.float32)
    shown = np.where(draw.random(3000) < 0.8, labels, (labels + 1) % 3)
    scores[np.arange(3000), shown] = 0.6
    calibration = fit(scores, labels, np.zeros((0, 3), dtype=np.float32), 0.5, 0.5)
    assert calibration.confidence(scores[0], 0.6) == pytest.approx(0.8, abs=0.05)


def test_fit_learns_to_refuse() -> None:
    """With out-of-scope scores below the others, the floor comes to lie between them."""
    inside = np.tile(np.array([0.7, 0.1], dtype=np.float32), (100, 1))
    outside = np.tile(np.array([0.3, 0.2], dtype=np.float32), (100, 1))
    calibration = fit(inside, np.zeros(100, dtype=np.int64), outside, 0.5, 0.25)
    assert 0.3 < calibration.floor < 0.7
    assert calibration.confidence(outside[0], 0.3) < 0.5 < calibration.confidence(inside[0], 0.7)


def test_the_more_out_of_scope_requests_weigh_the_surer_they_are_refused() -> None:
    """The floor rises with their weight, however few they are."""
    draw = np.random.default_rng(4)
    inside = draw.normal((0.6, 0.2), 0.1, (500, 2)).astype(np.float32)
    outside = draw.normal((0.4, 0.2), 0.1, (10, 2)).astype(np.float32)
    fitted = [fit(inside, np.zeros(500, dtype=np.int64), outside, 0.5, share) for share in (0.01, 0.25, 0.5, 0.75)]
    floors = [one.floor for one in fitted]
    assert floors == sorted(floors)
    assert floors[0] < floors[-1]


def test_the_threshold_refuses_the_share_asked_for() -> None:
    """Of out-of-scope scores spread evenly, the threshold leaves the asked share below; it stays sane at the ends."""
    calibration = Calibration(scale=10.0, floor=0.5, threshold=0.5)
    scores = np.linspace(0.4, 0.6, 101, dtype=np.float32)[:, None]
    threshold = choose_threshold(calibration, scores, 0.6)
    refused = [calibration.confidence(row, float(row[0])) < threshold for row in scores]
    assert sum(refused) == 60
    assert choose_threshold(calibration, scores - 1, 0.95) == 0.3
    assert choose_threshold(calibration, scores + 1, 0.95) == 0.7


def test_expected_error_by_hand() -> None:
    """Two decisions at 0.9 of which one is right are off by 0.4."""
    assert expected_error(np.array([0.9, 0.9]), np.array([True, False])) == pytest.approx(0.4)


def test_full_confidence_has_a_bin() -> None:
    """A confidence of exactly one belongs to the last bin."""
    assert expected_error(np.array([1.0]), np.array([True])) == 0.0


def test_no_decisions_have_no_error() -> None:
    """An empty set is perfectly calibrated."""
    assert expected_error(np.zeros(0), np.zeros(0, dtype=np.bool_)) == 0.0
