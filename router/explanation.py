"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from router.attribution import Attribution, Contribution
from router.encoder import Parts, Vector
from router.features import PAIR_TOKENS, order_template


def split_score(parts: Parts, row: Vector, factor: float) -> Sequence[Contribution]:
    """Split one agent's score over the words of a text, in their order; the weights sum to the score.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: A text.
        row: The agent's row, shape (width,); or the difference of two, to split that of their scores.
        factor: One over the length that the agent measures the text's vector by.
    """
    if not len(parts.words):
        return ()
    tokens = parts.tokens
    return Attribution(tokens, _weights(parts, row, factor, tokens))


def lead(ours: Sequence[Contribution], theirs: Sequence[Contribution]) -> Sequence[Contribution]:
    """Split the difference of two scores, given how each is split."""
    weights = [one - other for (_, one), (_, other) in zip(ours, theirs, strict=True)]
    return Attribution([word for word, _ in ours], weights)


def _weights(parts: Parts, row: Vector, factor: float, tokens: list[str]) -> list[float]:
    """Return what each word gives to an agent."""
    weights: Vector = parts.words.dot(row)
    levels, scales, template = parts.order
    if len(scales):
        gains = levels.dot(row[: levels.shape[1]])
        gains *= scales
        words = min(len(weights), PAIR_TOKENS)
        shares = _ownership(words, template.distinct).dot(gains)
        weights[:words] += shares[:words]
        if template.distinct:
            weights[_first_places(tokens)] += shares[words:]
    weights *= factor
    return weights.tolist()  # type: ignore[no-any-return]  # floats


@lru_cache(maxsize=128)
def _ownership(words: int, distinct: int) -> NDArray[np.float32]:
    """Return how much of each word pair each word of a text owns, then each distinct one, shape (words, pairs)."""
    template = order_template(words, distinct)
    owned = np.zeros((words + distinct, len(template.kind)), dtype=np.float32)
    for owners in template.owners:
        owned[owners, np.arange(len(owners))] += 0.5
    return owned


def _first_places(tokens: list[str]) -> list[int]:
    """Return where every distinct word of a frame first stands in the text."""
    return [tokens.index(token) for token in dict.fromkeys(tokens[:PAIR_TOKENS])]
