"""Owns the word scores: what each word gives to each of many agents, kept so that a request is a sum of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.tokenizer import MAX_TOKENS

Vectors: TypeAlias = NDArray[np.float32]
Recall: TypeAlias = Callable[[Sequence[str]], Vectors]

#: From so many agents on the sum is clearly faster than the product, new words apart; decision 0015 has the figures.
MANY: Final = 1000
CACHED_BYTES: Final = 256 * 1024**2  # 3,000 words for 10,000 agents; only what was asked for is kept
_BLOCK: Final = 256  # so many rows stay in the cache of a core while word after word is multiplied with them


class WordScores:
    """Columns of scores, one a word and a part, filled when a word is first seen.

    The product of a text's vector with an agent's row is linear in the words of the text, so it is the sum of their
    products, each computed once. A column is the same to the bit whatever other words were new with it. The cache is
    bounded: when it is full it starts over, and readers keep the old one, so that they need no lock.
    """

    def __init__(
        self, rows: Vectors, parts: Sequence[slice], recall: Recall, capacity_bytes: int = CACHED_BYTES
    ) -> None:
        """Score these agents.

        Args:
            rows: A row an agent, shape (agents, width); never written to.
            parts: Where those parts of a vector lie that are sums over words, each with a factor of its own.
            recall: From words to their vectors, shape (words, width).
            capacity_bytes: Bound of the cache; but at least the words of one text are kept.
        """
        self._rows = rows
        self._parts = tuple(parts)
        self._recall = recall
        a_word = 4 * max(len(rows) * len(self._parts), 1)
        self._capacity = max(capacity_bytes // a_word, MAX_TOKENS)
        self._lock = threading.Lock()
        self._columns: dict[str, Vectors] = {}

    def __len__(self) -> int:
        return len(self._columns)

    def score(self, tokens: Sequence[str], weights: Sequence[float], factors: Sequence[float]) -> Vectors:
        """Return the sum over the parts of factor times product, shape (agents,).

        Args:
            tokens: The words of a text, at most ``MAX_TOKENS``.
            weights: Of each of them.
            factors: One for each part.
        """
        summed: dict[str, float] = {}
        for token, weight in zip(tokens, weights, strict=True):
            summed[token] = summed.get(token, 0.0) + weight
        known = self._columns
        try:
            columns = [known[token] for token in summed]
        except KeyError:
            known = self._fill(summed)
            columns = [known[token] for token in summed]
        total = np.zeros((len(self._parts), len(self._rows)), dtype=np.float32)
        for column, weight in zip(columns, summed.values(), strict=True):
            total += column * np.float32(weight)
        scores: Vectors = total[0]
        scores *= np.float32(factors[0])
        for of_part, factor in zip(total[1:], factors[1:], strict=True):
            scores += of_part * np.float32(factor)
        return scores

    def _fill(self, tokens: Mapping[str, float]) -> dict[str, Vectors]:
        with self._lock:
            known = self._columns
            missing = [token for token in tokens if token not in known]
            if len(known) + len(missing) > self._capacity:
                known, missing = {}, list(tokens)
            if missing:  # else another thread was faster
                known.update(zip(missing, self._multiply(self._recall(missing)), strict=True))
            self._columns = known
            return known

    def _multiply(self, vectors: Vectors) -> list[Vectors]:
        """Return the products of each vector, shape (parts, agents) each: one by one, for the bits' sake."""
        columns = [np.empty((len(self._parts), len(self._rows)), dtype=np.float32) for _ in vectors]
        for begin in range(0, len(self._rows), _BLOCK):
            block = self._rows[begin : begin + _BLOCK]
            for vector, column in zip(vectors, columns, strict=True):
                for at, part in enumerate(self._parts):
                    column[at, begin : begin + _BLOCK] = block[:, part].dot(vector[part])
        return columns
