"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

import numpy as np
from numpy.typing import NDArray

from router.encoder import Parts
from router.prediction import Contribution


def split_score(parts: Parts, row: NDArray[np.float32]) -> tuple[Contribution, ...]:
    """Split one agent's score over the words of a text, in their order; the weights sum to the score.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: What the text's vector is the sum of.
        row: The agent's row over the length of the text's vector, shape (width,).
    """
    if not parts.tokens:
        return ()
    weights = (parts.words @ row).astype(np.float64)
    of_pairs = (parts.pairs @ row[: parts.pairs.shape[1]]).astype(np.float64)
    for side, other in ((parts.first, parts.second), (parts.second, parts.first)):
        inner = side >= 0
        share = np.where(other[inner] >= 0, 0.5, 1.0)
        np.add.at(weights, side[inner], of_pairs[inner] * share)
    return tuple(Contribution(token, weight) for token, weight in zip(parts.tokens, weights.tolist(), strict=True))
