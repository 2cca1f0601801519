import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Contribution, EmbeddingRouter
from router.explanation import _ownership, lead, split_score, split_scores
from router.features import PAIR_TOKENS
from router.trained_model import TrainedModel


@pytest.fixture(scope="module")
def split(trained_on_pairs: TrainedModel) -> EmbeddingRouter:
    """A router that knows pairs of words."""
    return EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)


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


@given(st.lists(st.sampled_from(["fix", "this", "broken", "json", "?", "zebra"]), max_size=30), st.integers(0, 9))
def test_agents_split_together_are_split_as_alone(split: EmbeddingRouter, words: list[str], seed: int) -> None:
    """To the bit: what two agents have in common is looked up once, and that is all."""
    encoder, draw = split._encoder, np.random.default_rng(seed)
    parts = encoder.parts(encoder.encode(" ".join(words)))
    rows = [draw.normal(size=encoder.width).astype(np.float32) for _ in range(2)]
    together = split_scores(parts, rows, 0.5)
    assert together == [split_score(parts, row, 0.5) for row in rows]
    for row, shares in zip(rows, together, strict=True):
        assert sum(weight for _, weight in shares) == pytest.approx(0.5 * float(parts.vector @ row), abs=1e-3)
