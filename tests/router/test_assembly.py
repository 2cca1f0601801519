import numpy as np
import pytest

from router.assembly import prototype, trained_labels, unit
from router.manifest import TrainedLabel
from router.profile import AgentProfile


def test_a_unit_vector_has_length_one_and_zero_stays() -> None:
    """A zero vector has no direction to keep."""
    rows = unit(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert np.allclose(rows, [[0.6, 0.8], [0.0, 0.0]])


def test_a_prototype_by_hand() -> None:
    """The mean of (1, 0) and (0, 1) less (0.5, 0) points straight up."""
    row = prototype(np.eye(2, dtype=np.float32), np.array([0.5, 0.0], dtype=np.float32))
    assert row == pytest.approx([0.0, 1.0])


def test_nothing_has_no_prototype() -> None:
    """A label without examples has a row of zeros."""
    assert not prototype(np.zeros((0, 2), dtype=np.float32), np.ones(2, dtype=np.float32)).any()


def test_labels_are_tied_to_their_cards() -> None:
    """A label without a card has neither version nor digest."""
    card = AgentProfile("a", "7", "does", ("it",))
    assert trained_labels(["a", "b"], [card]) == (
        TrainedLabel(name="a", version="7", profile_digest=card.digest),
        TrainedLabel(name="b"),
    )
