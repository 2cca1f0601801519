import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.calibration import Calibration
from router.held_out import NONE_OF_THESE, deal, observe


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=80), st.integers(2, 10), st.integers(0, 9))
def test_each_part_has_its_share_of_each_label(labels: list[int], parts: int, seed: int) -> None:
    """No part has more than one text of a label more than another, and every text is in exactly one."""
    targets = np.array(labels, dtype=np.int64)
    part = deal(targets, parts, seed)
    assert ((part >= 0) & (part < parts)).all()
    for label in set(labels):
        sizes = np.bincount(part[targets == label], minlength=parts)
        assert sizes.max() - sizes.min() <= 1


@given(st.integers(2, 60), st.integers(2, 6), st.integers(0, 9))
def test_neighbours_are_held_out_together(texts: int, parts: int, seed: int) -> None:
    """Going round the texts of a label, the part changes once for each part: near copies are on the same side."""
    part = deal(np.zeros(texts, dtype=np.int64), parts, seed)
    assert (part != np.roll(part, 1)).sum() == min(texts, parts)


def test_an_only_example_is_never_held_out() -> None:
    """Part 0 is the one that is held out where only one is: a label must not lose its only example to it."""
    assert all(deal(np.array([5]), parts, seed)[0] != 0 for parts in (2, 6, 10) for seed in range(5))


def test_where_a_part_begins_depends_on_the_seed() -> None:
    """Another seed holds out other texts; the same seed the same ones."""
    targets = np.zeros(40, dtype=np.int64)
    assert len({deal(targets, 4, seed).tobytes() for seed in range(8)}) > 1
    assert deal(targets, 4, 3).tobytes() == deal(targets, 4, 3).tobytes()


def test_decisions_are_observed_by_hand() -> None:
    """The surest first; a leader that is not the label is wrong, and every leader is where no label serves."""
    calibration = Calibration(scale=10.0, floor=0.2, threshold=0.5)
    scores = np.array([[0.4, 0.2], [0.2, 0.8], [0.2, 0.6]], dtype=np.float32)
    held_out = observe(calibration, scores, np.array([1, 1, NONE_OF_THESE]))
    expected = [1 / (1 + np.exp(-6) + np.exp(-6)), 1 / (1 + np.exp(-4) + np.exp(-4)), 1 / (1 + np.exp(-2) + np.exp(-2))]
    assert held_out.confidence == pytest.approx(expected, rel=1e-5)
    assert held_out.wrong.tolist() == [False, True, True]
