from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from router.tokenizer import MAX_TOKENS
from router.word_scores import Vectors, WordScores

AGENTS, WIDTH = 700, 96
PARTS = (slice(16, 48), slice(48, 96))
WORDS = [f"w{at}" for at in range(400)]
_RANDOM = np.random.default_rng(5)
VECTORS = dict(zip(WORDS, _RANDOM.standard_normal((len(WORDS), WIDTH)).astype(np.float32), strict=True))
ROWS = _RANDOM.standard_normal((AGENTS, WIDTH)).astype(np.float32)
for _part in PARTS:
    ROWS[:, _part] /= 2 * np.linalg.norm(ROWS[:, _part], axis=1, keepdims=True)


def recall(tokens: Sequence[str]) -> Vectors:
    """Return the words' vectors."""
    return np.stack([VECTORS[token] for token in tokens])


def weights(tokens: Sequence[str]) -> list[float]:
    """Return a weight for each word, the same wherever it stands."""
    return [0.25 + len(token) / 4 for token in tokens]


def expected(tokens: Sequence[str], factors: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the scores as products with the pooled vector, in double precision."""
    pooled = np.array(weights(tokens)) @ recall(tokens).astype(np.float64)
    return sum(
        (ROWS[:, part].astype(np.float64) @ pooled[part] * factor for part, factor in zip(PARTS, factors, strict=True)),
        np.zeros(AGENTS),
    )


def lengths(tokens: Sequence[str]) -> list[float]:
    """Return one over the length of each part of the pooled vector."""
    pooled = np.array(weights(tokens)) @ recall(tokens).astype(np.float64)
    return [float(1 / np.linalg.norm(pooled[part])) for part in PARTS]


TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=MAX_TOKENS)


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_sums_over_words_are_the_product_with_the_text(tokens: list[str]) -> None:
    """Texts of any length, words repeated or not, score as by one product, within a millionth."""
    factors = lengths(tokens)
    found = WordScores(ROWS, PARTS, recall).score(tokens, weights(tokens), factors)
    np.testing.assert_allclose(found, expected(tokens, factors), rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS)
def test_scores_do_not_depend_on_what_was_asked_before(before: list[list[str]], tokens: list[str]) -> None:
    """A text scores the same to the bit whichever of its words were known already."""
    warm = WordScores(ROWS, PARTS, recall)
    for text in before:
        warm.score(text, weights(text), (1.0, 1.0))
    cold = WordScores(ROWS, PARTS, recall).score(tokens, weights(tokens), (0.5, 2.0))
    assert warm.score(tokens, weights(tokens), (0.5, 2.0)).tolist() == cold.tolist()


def test_the_cache_is_bounded_and_what_starts_over_scores_the_same() -> None:
    """However small the bound, one text fits, and more words than that make the cache start over."""
    small = WordScores(ROWS, PARTS, recall, capacity_bytes=1)
    first = small.score(WORDS[:5], weights(WORDS[:5]), (1.0, 1.0)).tolist()
    for begin in range(0, len(WORDS), 50):
        small.score(WORDS[begin : begin + 50], [1.0] * 50, (1.0, 1.0))
        assert len(small) <= MAX_TOKENS
    assert small.score(WORDS[:5], weights(WORDS[:5]), (1.0, 1.0)).tolist() == first


def test_threads_that_meet_the_same_new_words_agree() -> None:
    """While the cache fills and starts over, every reader gets the scores of a lone one."""
    texts = [WORDS[at : at + 7] for at in range(0, 300, 3)]
    alone = [WordScores(ROWS, PARTS, recall).score(text, weights(text), (1.0, 0.5)).tolist() for text in texts]
    shared = WordScores(ROWS, PARTS, recall, capacity_bytes=1)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: [shared.score(text, weights(text), (1.0, 0.5)).tolist() for text in texts], range(8))
        )
    assert answers == [alone] * 8
