"""Owns the vocabulary: which features training has seen, and how rare each of them is."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from router.features import Places, word_bucket


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The buckets that training has seen, with their inverse document frequency.

    Attributes:
        bits: Logarithm of the number of buckets.
        buckets: Seen buckets in rising order, shape (features,).
        idf: Inverse document frequency of each, shape (features,).
        unseen_idf: That of a feature no training text has.
        word_order: Whether pairs of words are features beside the words themselves.
    """

    bits: int
    buckets: NDArray[np.int32]
    idf: NDArray[np.float32]
    unseen_idf: float
    word_order: bool = True
    index: Places = field(init=False, repr=False)  # of the type that all look-ups want: nothing is converted

    def __post_init__(self) -> None:
        index = np.full(1 << self.bits, -1, dtype=np.intp)
        index[self.buckets] = np.arange(len(self.buckets))
        object.__setattr__(self, "index", index)

    def seen(self, buckets: NDArray[np.int64]) -> Places:
        """Return the row numbers of those buckets that training has seen, in their order."""
        rows = self.index.take(buckets)
        return rows[rows >= 0]

    def knows(self, token: str) -> bool:
        """Return whether training has seen a word."""
        return bool(self.index[word_bucket(token, self.bits)] >= 0)

    def word_idf(self, token: str) -> float:
        """Return the inverse document frequency of a word."""
        row = self.index[word_bucket(token, self.bits)]
        return float(self.idf[row]) if row >= 0 else self.unseen_idf
