"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

from itertools import repeat
from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.encoder import Parts, WordOrder
from router.features import PAIR_TOKENS
from router.prediction import Contribution


def split_score(parts: Parts, row: NDArray[np.float32], factor: float) -> tuple[Contribution, ...]:
    """Split one agent's score over the words of a text, in their order; the weights sum to the score.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: A text.
        row: The agent's row, shape (width,).
        factor: One over the length that the agent measures the text's vector by.
    """
    tokens = parts.tokens
    if not tokens:
        return ()
    weights = parts.words.dot(row)
    if len(parts.order.scales):
        weights = weights + _shares_of_pairs(parts.order, tokens, row)
    weights *= factor
    # What Contribution(word, weight) does, without a Python call for each word.
    made = map(tuple.__new__, repeat(Contribution), zip(tokens, weights.tolist(), strict=True))
    return cast("tuple[Contribution, ...]", tuple(made))


def _shares_of_pairs(order: WordOrder, tokens: list[str], row: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what the word pairs give to each word, shape (tokens,)."""
    owners = order.template.owners
    if order.template.distinct:
        owners = _first_places(tokens).take(owners)
    gains = order.levels.dot(row[: order.levels.shape[1]])
    gains *= order.scales
    return np.asarray(np.bincount(owners.ravel(), np.concatenate((gains, gains)), len(tokens)) * 0.5)


def _first_places(tokens: list[str]) -> NDArray[np.intp]:
    """Return for every word of a frame, and then for every distinct one, where it first stands in the text."""
    return np.array([*range(len(tokens)), *map(tokens.index, dict.fromkeys(tokens[:PAIR_TOKENS]))])
