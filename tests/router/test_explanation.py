import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Contribution
from router.explanation import _ownership, lead
from router.features import PAIR_TOKENS


@given(st.integers(1, PAIR_TOKENS), st.data())
def test_every_pair_is_shared_out_whole(words: int, data: st.DataObject) -> None:
    """The two words of a pair own half of it each; beside an edge of the text the one word owns it all."""
    distinct = data.draw(st.integers(0, words - 1))
    owned = _ownership(words, distinct)
    assert len(owned) == words + distinct
    assert np.array_equal(owned.sum(axis=0), np.ones(owned.shape[1]))
    assert set(owned.ravel().tolist()) <= {0.0, 0.5, 1.0}


def test_two_words_by_hand() -> None:
    """Of ``^ a b $`` the pairs are ^a, ab, b$; next but one ^b, a$; in any order ab."""
    assert _ownership(2, 0).tolist() == [[1, 0.5, 0, 0, 1, 0.5], [0, 0.5, 1, 1, 0, 0.5]]


def test_a_lead_is_the_difference_word_by_word() -> None:
    """Words keep their order and their names."""
    ours = (Contribution("a", 0.5), Contribution("b", 0.25))
    theirs = (Contribution("a", 0.25), Contribution("b", 0.5))
    assert lead(ours, theirs) == (Contribution("a", 0.25), Contribution("b", -0.25))
    with pytest.raises(ValueError, match="shorter"):
        lead(ours, theirs[:1])
