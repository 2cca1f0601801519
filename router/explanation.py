"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.encoder import Parts, Vector, WordOrder
from router.features import PAIR_TOKENS, order_template
from router.prediction import Contribution


def split_scores(parts: Parts, rows: Sequence[Vector], factor: float) -> list[tuple[Contribution, ...]]:
    """Split agents' scores over the words of a text, in their order; the weights of each sum to its score.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: A text.
        rows: Of each agent, shape (width,).
        factor: One over the length that the agents measure the text's vector by.
    """
    tokens = parts.tokens
    if not tokens or not rows:
        return [() for _ in rows]
    heads = np.concatenate(rows).reshape(len(rows), -1)
    weights = heads.dot(parts.words.T)
    if len(parts.order.scales):
        _add_shares_of_pairs(weights, parts.order, tokens, heads)
    weights *= factor
    return [contributions(tokens, of_agent) for of_agent in weights.tolist()]


def contributions(words: Iterable[str], weights: Iterable[float]) -> tuple[Contribution, ...]:
    """Return words with their weights, as many of both; what Contribution does, without a Python call for each."""
    made = map(tuple.__new__, repeat(Contribution), zip(words, weights, strict=True))
    return cast("tuple[Contribution, ...]", tuple(made))


def _add_shares_of_pairs(weights: Vector, order: WordOrder, tokens: list[str], heads: Vector) -> None:
    """Add what the word pairs give to each word, shape (agents, tokens)."""
    levels, scales, template = order
    gains = heads[:, : levels.shape[1]].dot(levels.T)
    gains *= scales
    words = min(len(tokens), PAIR_TOKENS)
    shares = gains.dot(_ownership(words, template.distinct))
    weights[:, :words] += shares[:, :words]
    if template.distinct:
        weights[:, _first_places(tokens)] += shares[:, words:]


@lru_cache(maxsize=128)
def _ownership(words: int, distinct: int) -> NDArray[np.float32]:
    """Return how much of each word pair each word of a text owns, then each distinct one, shape (pairs, words)."""
    template = order_template(words, distinct)
    owned = np.zeros((len(template.kind), words + distinct), dtype=np.float32)
    for owners in template.owners:
        owned[np.arange(len(owners)), owners] += 0.5
    return owned


def _first_places(tokens: list[str]) -> list[int]:
    """Return where every distinct word of a frame first stands in the text."""
    return [tokens.index(token) for token in dict.fromkeys(tokens[:PAIR_TOKENS])]
