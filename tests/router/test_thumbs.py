import numpy as np

from router import Feedback
from router.held_out import NONE_OF_THESE
from router.thumbs import Thumbs

NUMBER = {"cats": 0, "dogs": 1}


def test_a_row_says_who_was_right_or_who_was_not() -> None:
    """A thumb down that names the right agent teaches that one; one that names nobody teaches who it was not."""
    thumbs = Thumbs.read(
        [
            Feedback("a", "cats", right=True),
            Feedback("b", "cats", right=False),
            Feedback("c", "cats", right=False, should_be="dogs"),
        ],
        NUMBER,
    )
    assert thumbs.texts == ("a", "b", "c")
    assert thumbs.labels.tolist() == [0, 0, 1]
    assert thumbs.right.tolist() == [1.0, 0.0, 1.0]
    assert thumbs.targets.tolist() == [0, NONE_OF_THESE, 1]


def test_agents_without_a_number_are_left_out() -> None:
    """Nothing is learnt of an agent that the network has no row for."""
    feedback = [Feedback("a", "fish", right=True), Feedback("b", "cats", right=False, should_be="fish")]
    assert len(Thumbs.read(feedback, NUMBER)) == 0


def test_texts_to_be_judged_on_can_be_left_out() -> None:
    """All thumbs on such a text go, the others keep their order."""
    feedback = [Feedback(text, "cats", right=text != "b") for text in ("a", "b", "c", "b")]
    left = Thumbs.read(feedback, NUMBER).without({"b"})
    assert (left.texts, left.right.tolist()) == (("a", "c"), [1.0, 1.0])
    assert len(Thumbs.none().without({"b"})) == 0


def test_no_thumbs_are_no_rows() -> None:
    """Without feedback the loop sees the examples alone."""
    assert len(Thumbs.none()) == 0
    assert Thumbs.none().targets.shape == (0,)
    assert Thumbs.none().right.dtype == np.float32
