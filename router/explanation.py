"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from router.attribution import Attribution, Contribution
from router.encoder import Parts, Vector
from router.features import PAIR_TOKENS, order_template


def split_score(parts: Parts, row: Vector, factor: float) -> Sequence[Contribution]:
    """Split one agent's score over the words of a text; see ``split_scores``."""
    return split_scores(parts, (row,), factor)[0]


def split_scores(parts: Parts, rows: Sequence[Vector], factor: float) -> list[Sequence[Contribution]]:
    """Split agents' scores over the words of a text, in their order; the weights of each sum to its score.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: A text.
        rows: The agents' rows, shape (width,) each; or the difference of two, to split that of their scores.
        factor: One over the length that the agents measure the text's vector by.
    """
    if not len(parts.words):
        return [() for _ in rows]
    tokens = parts.tokens
    return [Attribution(tokens, weights) for weights in _weights(parts, rows, factor)]


def lead(ours: Sequence[Contribution], theirs: Sequence[Contribution]) -> Sequence[Contribution]:
    """Split the difference of two scores, given how each is split."""
    weights = [one - other for (_, one), (_, other) in zip(ours, theirs, strict=True)]
    return Attribution([word for word, _ in ours], weights)


def _weights(parts: Parts, rows: Sequence[Vector], factor: float) -> list[list[float]]:
    """Return what each word gives to each agent."""
    _, of_words, (levels, scales, template), tokens = parts
    if not len(scales):
        return [(of_words.dot(row) * factor).tolist() for row in rows]
    words, trained = min(len(tokens), PAIR_TOKENS), levels.shape[1]
    owned = _ownership(words, template.distinct)
    repeated = _first_places(tokens) if template.distinct else None
    split = []
    for row in rows:
        weights = of_words.dot(row)
        gains = levels.dot(row[:trained])
        gains *= scales
        shares = owned.dot(gains)
        if words == len(shares) == len(weights):
            weights += shares
        else:
            weights[:words] += shares[:words]
            if repeated:
                weights[repeated] += shares[words:]
        weights *= factor
        split.append(weights.tolist())
    return split


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
