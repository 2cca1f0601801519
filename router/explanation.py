"""Owns the explanation: which word gave an agent how much of its score, exactly, because pooling is linear."""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.attribution import Attribution, Contribution
from router.features import PAIR_TOKENS, order_template
from router.pooling import Parts, Vector

_FLOAT: Final = np.dtype(np.float32)
_empty: Final = np.empty


def split_score(parts: Parts, row: Vector, factor: float) -> Sequence[Contribution]:
    """Split one agent's score over the words of a text, in their order; the weights sum to it.

    A word pair gives half to each of its words, and all to the one word when the other side is an edge of the text.
    The length of the whole vector is held fixed, so a weight is a share, not the effect of leaving the word out.

    Args:
        parts: A text.
        row: The agent's row, shape (width,).
        factor: One over the length that the agent measures the text's vector by.
    """
    if not len(parts.words):
        return ()
    return Attribution(parts.tokens, _share_out(parts, row, factor))


def lead(ours: Sequence[Contribution], theirs: Sequence[Contribution]) -> Sequence[Contribution]:
    """Split the difference of two scores, given how each is split."""
    weights = [one - other for (_, one), (_, other) in zip(ours, theirs, strict=True)]
    return Attribution([word for word, _ in ours], weights)


def split_both(
    parts: Parts, ours: Vector, theirs: Vector, factor: float
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Split two agents' scores, and say what leaving out a word takes off them; for whoever is in a hurry.

    A word takes along its own part and all of its pairs; that the text's vector is shorter then, and that words meet
    anew, is not in it.

    Args:
        parts: A text with a word, of an encoder that knows pairs.
        ours: The row of the one agent, shape (width,).
        theirs: That of the other.
        factor: One over the length of the text's vector.

    Returns:
        The one agent's shares, to the bit those of ``split_score``, the other's, then the losses of both.
    """
    _, of_words, (levels, step), tokens = parts
    count, trained = len(tokens), levels.shape[1]
    words = min(PAIR_TOKENS, count)
    scale, of_pairs = scalar(factor), scalar(step)
    # What words give and what pairs give stand in one array, so that one product shares out both.
    gains = _empty(words + len(levels), _FLOAT)
    by_words, by_pairs = gains[:words], gains[words:]
    in_frame = of_words if words == count else of_words[:words]
    share_out = _ownership(words).dot
    in_frame.dot(ours, by_words)
    levels.dot(ours[:trained], by_pairs)
    by_pairs *= of_pairs
    told = share_out(gains)
    told *= scale
    first = told.tolist()
    in_frame.dot(theirs, by_words)
    levels.dot(theirs[:trained], by_pairs)
    by_pairs *= of_pairs
    told = share_out(gains)
    told *= scale
    second = told.tolist()
    lost, also_lost = first[words:], second[words:]
    del first[words:], second[words:]
    if words < count:
        behind = of_words[words:]
        for row, shares, losses in ((ours, first, lost), (theirs, second, also_lost)):
            alone = behind.dot(row)
            alone *= scale
            shares.extend(alone.tolist())
            losses.extend(shares[words:])
    return first, second, lost, also_lost


def _share_out(parts: Parts, row: Vector, factor: float) -> list[float]:
    """Return what each word gives to an agent."""
    _, of_words, (levels, step), tokens = parts
    scale = scalar(factor)
    words = min(len(tokens), PAIR_TOKENS) if len(levels) else 0
    alone = of_words[words:].dot(row)
    alone *= scale
    behind: list[float] = alone.tolist()
    if not words:
        return behind
    gains = _empty(words + len(levels), _FLOAT)
    of_words[:words].dot(row, gains[:words])
    levels.dot(row[: levels.shape[1]], gains[words:])
    gains[words:] *= scalar(step)
    owned = _ownership(words).dot(gains)  # what leaving out takes away, too: half of a product may round otherwise
    owned *= scale
    told: list[float] = owned.tolist()
    return told[:words] + behind


@cache
def _ownership(words: int) -> NDArray[np.float32]:
    """Return how much of each word and of each word pair is whose, shape (2 * words, words + pairs).

    The first rows are the shares of the words, the next what leaving each out takes away.

    Args:
        words: Their number, at most ``PAIR_TOKENS``.
    """
    template = order_template(words)
    pairs = np.arange(template.count)
    shares = np.zeros((words, words + template.count), dtype=np.float32)
    shares[:, :words] = np.eye(words)
    for owners in template.owners:
        shares[owners, words + pairs] += 0.5
    return np.concatenate([shares, np.ceil(shares)])


def scalar(value: float) -> NDArray[np.float32]:
    """Return a number as an array without dimensions: by that one multiplies the quickest."""
    array = _empty((), _FLOAT)
    array[()] = value
    return array
