import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import Contribution, EmbeddingRouter
from router.explanation import _ownership, lead, split_both, split_score
from router.features import PAIR_TOKENS
from router.trained_model import TrainedModel


@pytest.fixture(scope="module")
def split(trained_on_pairs: TrainedModel) -> EmbeddingRouter:
    """A router that knows pairs of words."""
    return EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)


@given(st.integers(1, PAIR_TOKENS))
def test_every_pair_is_shared_out_whole(words: int) -> None:
    """The two words of a pair own half of it each; beside an edge of the text the one word owns it all."""
    owned = _ownership(words)
    assert len(owned) == 2 * words
    shares, losses = owned[:words], owned[words:]
    assert np.array_equal(shares.sum(axis=0), np.ones(owned.shape[1]))
    assert set(shares.ravel().tolist()) <= {0.0, 0.5, 1.0}
    assert np.array_equal(losses, shares > 0)  # who owns any of a pair takes it along


def test_two_words_by_hand() -> None:
    """Of ``^ a b $`` the pairs are ^a, ab, b$; next but one ^b, a$; in any order ab."""
    assert _ownership(2).tolist() == [
        [1, 0, 1, 0.5, 0, 0, 1, 0.5],
        [0, 1, 0, 0.5, 1, 1, 0, 0.5],
        [1, 0, 1, 1, 0, 0, 1, 1],
        [0, 1, 0, 1, 1, 1, 0, 1],
    ]


def test_a_lead_is_the_difference_word_by_word() -> None:
    """Words keep their order and their names."""
    ours = (Contribution("a", 0.5), Contribution("b", 0.25))
    theirs = (Contribution("a", 0.25), Contribution("b", 0.5))
    assert lead(ours, theirs) == (Contribution("a", 0.25), Contribution("b", -0.25))
    with pytest.raises(ValueError, match="shorter"):
        lead(ours, theirs[:1])


@given(
    st.lists(st.sampled_from(["fix", "this", "broken", "json", "?", "zebra"]), min_size=1, max_size=30)
    | st.lists(st.integers(0, 99).map("word{}".format), min_size=20, max_size=40, unique=True),
    st.integers(0, 9),
)
def test_agents_split_together_are_split_as_alone(split: EmbeddingRouter, words: list[str], seed: int) -> None:
    """To the bit: what two agents have in common is looked up once, and that is all."""
    encoder, draw = split._encoder, np.random.default_rng(seed)
    parts = encoder.parts(encoder.encode(" ".join(words)))
    rows = [draw.normal(size=encoder.width).astype(np.float32) for _ in range(2)]
    ours, theirs, lost, also_lost = split_both(parts, rows[0], rows[1], 0.5)
    for row, shares, losses in ((rows[0], ours, lost), (rows[1], theirs, also_lost)):
        assert [*zip(parts.tokens, shares, strict=True)] == [*split_score(parts, row, 0.5)]
        assert sum(shares) == pytest.approx(0.5 * float(parts.vector @ row), abs=1e-3)
        assert len(losses) == len(shares)


def test_what_is_lost_without_a_word_by_taking_it_away(split: EmbeddingRouter) -> None:
    """Without the last word its pairs are gone, as is the one over it to the end; what meets the end anew is added."""
    encoder, row = split._encoder, np.random.default_rng(3).normal(size=split._encoder.width).astype(np.float32)
    whole, rest = (encoder.parts(encoder.read(text)) for text in ("fix this broken json", "fix this broken"))
    *_, losses, _ = split_both(whole, row, row, 1.0)
    before, after = (text.order.step * (text.order.levels @ row[: encoder.trained]) for text in (whole, rest))
    over, anew = before[8], after[3] + after[6]  # broken . $; then: broken $, this . $
    lost = float(whole.vector @ row) - float(rest.vector @ row)
    assert lost == pytest.approx(losses[-1] + over - anew, abs=1e-4)
